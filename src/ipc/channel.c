#include "ipc/channel.h"

#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for a burst of about 180 jobs, which every kernel grants. A larger queue could hold more
 * descriptors than RLIMIT_NOFILE allows; sending then fails with ETOOMANYREFS (unix(7)) instead of
 * EAGAIN. */
#define QUEUE_BYTES (208 * 1024)

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(CHANNEL_FDS * sizeof(int))];
};

int channel_open(int ends[2])
{
    int bytes = QUEUE_BYTES;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    for (int i = 0; i < 2; i++)
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    return 0;
}

/* Puts FDS into CONTROL. Returns the size of the control message. */
static size_t put_fds(union control *control, const int *fds, size_t count)
{
    if (count == 0)
        return 0;
    control->align = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS,
                                      .cmsg_len = CMSG_LEN(count * sizeof(int))};
    memcpy(CMSG_DATA(&control->align), fds, count * sizeof(int));
    return CMSG_SPACE(count * sizeof(int));
}

int channel_send(int fd, const void *data, size_t len, const int *fds, size_t count)
{
    union control control = {.bytes = {0}};
    size_t size = put_fds(&control, fds, count);
    struct iovec part = {.iov_base = (void *)data, .iov_len = len};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = size ? control.bytes : NULL,
                             .msg_controllen = size};
    ssize_t n;

    do
        n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return 0;
    return errno == ECONNRESET ? -EPIPE : -errno;
}

/* Copies the descriptors of MESSAGE to FDS. Returns how many there are. */
static size_t take_fds(struct msghdr *message, int *fds)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(message);

    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return 0;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    return count;
}

ssize_t channel_receive(int fd, void *buf, size_t size, int *fds, size_t *count)
{
    union control control;
    struct iovec part = {.iov_base = buf, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    *count = 0;
    do
        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    *count = take_fds(&message, fds);
    if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return n;
    while (*count > 0)
        fd_close(&fds[--*count]);
    return -EPROTO;
}
