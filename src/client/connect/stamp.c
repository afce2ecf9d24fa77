#include "client/connect/stamp.h"

#include "base/clock.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <time.h>

#define NSEC_PER_SEC UINT64_C(1000000000)

void stamp_enable(int fd)
{
    const int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
}

void stamp_enable_departures(int fd)
{
    const int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
                      SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
                      SOF_TIMESTAMPING_OPT_TSONLY;

    stamp_enable(fd); /* first without OPT_ID, which restarts the numbering */
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
}

static uint64_t nanoseconds(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * NSEC_PER_SEC + (uint64_t)t->tv_nsec;
}

/* Returns the kernel's timestamp (CLOCK_REALTIME), or 0 if there is none. */
static uint64_t real_stamp_of(struct msghdr *message)
{
    struct scm_timestamping stamps;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING)
            continue;
        memcpy(&stamps, CMSG_DATA(c), sizeof(stamps));
        return nanoseconds(&stamps.ts[0]);
    }
    return 0;
}

uint64_t stamp_of(struct msghdr *message)
{
    uint64_t stamp = real_stamp_of(message), now = clock_nanoseconds();
    struct timespec real;

    clock_gettime(CLOCK_REALTIME, &real);
    uint64_t real_now = nanoseconds(&real);
    /* If the clock was set in between, the time may be impossible. */
    if (stamp == 0 || stamp >= real_now || real_now - stamp >= now)
        return 0;
    return now - (real_now - stamp);
}

ssize_t stamp_recv(int fd, void *buf, size_t len, uint64_t *arrived)
{
    char control[CMSG_SPACE(sizeof(struct scm_timestamping)) + 64]
        __attribute__((aligned(__alignof__(struct cmsghdr))));
    struct iovec piece = {.iov_base = buf, .iov_len = len};
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0)
        return n;
    uint64_t stamp = stamp_of(&message);
    *arrived = stamp ? stamp : clock_nanoseconds();
    return n;
}
