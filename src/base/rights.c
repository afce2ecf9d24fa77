#include "base/rights.h"

#include "base/span.h"
#include "base/util.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* but for alpha, mips, parisc and sparc, where another one fails */
#endif

bool rights_refuse(int fd)
{
    int off = 0;

    return setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)) == 0;
}

static void do_nothing(int signal_number)
{
    (void)signal_number;
}

static void set_timer(uint64_t first, uint64_t next)
{
    const struct itimerval timer = {
        .it_value = {(time_t)(first / USEC_PER_SEC), (suseconds_t)(first % USEC_PER_SEC)},
        .it_interval = {(time_t)(next / USEC_PER_SEC), (suseconds_t)(next % USEC_PER_SEC)},
    };

    setitimer(ITIMER_REAL, &timer, NULL);
}

/* A signal that is blocked, or ignored, would not end the wait. It comes again and again, because
 * the first one may come before the wait begins. */
void rights_guard(uint64_t after)
{
    struct sigaction action = {.sa_handler = do_nothing};
    sigset_t alarm_signal;

    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&alarm_signal);
    sigaddset(&alarm_signal, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm_signal, NULL);
    set_timer(after, RIGHTS_AGAIN);
}

void rights_unguard(void)
{
    int kept = errno;

    set_timer(0, 0);
    errno = kept;
}

void rights_close(int *fd)
{
    rights_guard(RIGHTS_MOMENT);
    fd_close(fd);
    rights_unguard();
}

ssize_t rights_receive(int fd, void *buf, size_t size)
{
    rights_guard(RIGHTS_MOMENT);
    ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);
    rights_unguard();
    return n;
}
