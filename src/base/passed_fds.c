#include "base/passed_fds.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* not on alpha, mips, parisc and sparc, where setting 83 fails */
#endif

bool passed_fds_refuse(int fd)
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

/* SIGALRM interrupts a call only if it is neither blocked nor ignored. The timer repeats, because
 * the first signal may arrive before the call blocks. */
void passed_fds_guard(uint64_t after)
{
    struct sigaction action = {.sa_handler = do_nothing};
    sigset_t alarm_signal;

    sigemptyset(&action.sa_mask);
    if (sigaction(SIGALRM, &action, NULL) < 0)
        return; /* refused by a container's filter: better no bound than a deadly signal */
    sigemptyset(&alarm_signal);
    sigaddset(&alarm_signal, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarm_signal, NULL);
    set_timer(after, PASSED_FDS_AGAIN);
}

void passed_fds_unguard(void)
{
    int saved_errno = errno;

    set_timer(0, 0);
    errno = saved_errno;
}

void passed_fds_close(int *fd)
{
    passed_fds_guard(PASSED_FDS_MOMENT);
    fd_close(fd);
    passed_fds_unguard();
}

ssize_t passed_fds_receive(int fd, void *buf, size_t size)
{
    passed_fds_guard(PASSED_FDS_MOMENT);
    ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);
    passed_fds_unguard();
    return n;
}

/* Returns the smallest descriptor in KEEP that is at least FIRST, or -1. */
static int next_kept(int first, const int *keep, size_t count)
{
    int best = -1;

    for (size_t i = 0; i < count; i++)
        if (keep[i] >= first && (best < 0 || keep[i] < best))
            best = keep[i];
    return best;
}

/* For containers whose filter refuses close_range(2): closes the descriptors from FIRST to LAST
 * that /proc lists. Returns 0 or -errno. */
static int close_listed(unsigned first, unsigned last)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    uint64_t fd;

    if (!directory)
        return -errno;
    while ((entry = readdir(directory)) != NULL)
        if (number_parse(entry->d_name, &fd) == 0 && fd >= first && fd <= last &&
            (int)fd != dirfd(directory))
            close((int)fd);
    closedir(directory);
    return 0;
}

static int close_between(unsigned first, unsigned last)
{
    return close_range(first, last, 0) == 0 ? 0 : close_listed(first, last);
}

static int close_from_but(int first, const int *keep, size_t count)
{
    for (;;) {
        int kept = next_kept(first, keep, count);
        unsigned last = kept < 0 ? UINT_MAX : (unsigned)kept - 1;
        int r = kept == first ? 0 : close_between((unsigned)first, last);
        if (r < 0)
            return r;
        if (kept < 0)
            return 0;
        first = kept + 1;
    }
}

int passed_fds_close_from(int first, const int *keep, size_t count)
{
    passed_fds_guard(PASSED_FDS_MOMENT);
    int r = close_from_but(first, keep, count);
    passed_fds_unguard();
    return r;
}
