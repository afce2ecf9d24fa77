#include "client/io/interrupts.h"

#include "client/io/diag.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int interrupts_open(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        int r = -errno;
        diag_say("cannot wait for signals: %s", strerror(errno));
        return r;
    }
    return fd;
}

enum interrupt interrupts_take(int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return INTERRUPT_NONE;
    return info.ssi_signo == SIGQUIT ? INTERRUPT_INTERIM : INTERRUPT_STOP;
}
