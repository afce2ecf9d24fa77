#include "daemon/process/signals.h"

#include "base/clock.h"
#include "base/macros.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <time.h>

int signals_open(struct signals *signals)
{
    const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};

    sigemptyset(&signals->set);
    for (size_t i = 0; i < ARRAY_SIZE(handled); i++)
        sigaddset(&signals->set, handled[i]);
    signal(SIGPIPE, SIG_IGN);
    /* Other daemons reopen logs or print statistics. An admin's habit must not kill this one. */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* if it were ignored, waitpid(2) would find no children */
    if (sigprocmask(SIG_BLOCK, &signals->set, NULL) < 0)
        return -errno;
    signals->fd = signalfd(-1, &signals->set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals->fd < 0 ? -errno : 0;
}

int signals_take(const struct signals *signals, siginfo_t *info, uint64_t timeout)
{
    struct timespec wait = {.tv_sec = (time_t)(timeout / USEC_PER_SEC),
                            .tv_nsec = (long)(timeout % USEC_PER_SEC) * 1000};
    int number = sigtimedwait(&signals->set, info, &wait);

    return number < 0 ? 0 : number;
}
