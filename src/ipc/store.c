#include "ipc/store.h"

#include "base/clock.h"
#include "base/passed_fds.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int store_open(int ends[2])
{
    int bytes = STORE_RECORD_MAX, on = 1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    passed_fds_refuse(ends[0]);
    passed_fds_refuse(ends[1]);
    return 0;
}

/* ---- the worker ---- */

/* Waits for EVENTS at FD. Returns 0, -ETIMEDOUT or -errno. */
static int wait_for(int fd, short events, uint64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, clock_timeout(deadline));
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* Tries once. Returns 0 or -errno. */
static int offer(int fd, const struct store_head *head, const struct record *record)
{
    struct iovec parts[] = {{.iov_base = (void *)head, .iov_len = sizeof(*head)},
                            {.iov_base = record->data, .iov_len = record->used}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts)};

    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static bool is_temporary(int error)
{
    return error == -EAGAIN || error == -EINTR || error == -ENOBUFS || error == -ENOMEM;
}

/* The delay between retries if the system lacks memory. A full socket is polled instead. */
#define PAUSE_MSEC 10

static int send_record(int fd, const struct store_head *head, const struct record *record,
                       uint64_t deadline)
{
    int r;

    while (is_temporary(r = offer(fd, head, record))) {
        if (clock_now() >= deadline)
            return -ETIMEDOUT;
        if (r == -EAGAIN)
            r = wait_for(fd, POLLOUT, deadline);
        else
            poll(NULL, 0, PAUSE_MSEC);
        if (r == -ETIMEDOUT)
            return r;
    }
    return r == -ECONNRESET ? -EPIPE : r;
}

/* Waits for the answer to record ID, and ignores answers to earlier records that timed out. */
static int await_answer(int fd, uint32_t id, uint64_t deadline)
{
    for (;;) {
        struct store_head head;
        ssize_t n = recv(fd, &head, sizeof(head), MSG_DONTWAIT);
        if (n == sizeof(head) && head.id == id)
            return -head.error;
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return -EPIPE;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        int r = n < 0 ? wait_for(fd, POLLIN, deadline) : 0;
        if (r < 0)
            return r;
    }
}

int store_record(struct store *store, const struct record *record, uint64_t timeout)
{
    uint64_t deadline = clock_now() + timeout;
    const struct store_head head = {.id = ++store->last};
    int r = send_record(store->fd, &head, record, deadline);

    return r < 0 ? r : await_answer(store->fd, head.id, deadline);
}

/* ---- the scribe ---- */

/* Removes the record that was peeked at from the socket. Returns 0 or -errno. */
static int discard(int fd)
{
    char byte;
    ssize_t n;

    do
        n = passed_fds_receive(fd, &byte, 1);
    while (n < 0 && (errno == ECONNRESET || errno == EINTR)); /* reported once if the
                                                                 worker left answers unread */
    return n < 0 && errno != EAGAIN ? -errno : 0;
}

static pid_t sender_of(struct msghdr *message)
{
    struct ucred sender = {.pid = 0};

    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
            memcpy(&sender, CMSG_DATA(c), sizeof(sender));
    return sender.pid;
}

ssize_t store_peek(int fd, struct store_head *head, void *buf, pid_t *sender)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec parts[] = {{.iov_base = head, .iov_len = sizeof(*head)},
                            {.iov_base = buf, .iov_len = STORE_RECORD_MAX}};
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = ARRAY_SIZE(parts),
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0) /* ECONNRESET comes once, before the records, if a worker left answers unread */
        return errno == ECONNRESET || errno == EINTR ? -EAGAIN : -errno;
    if (n == 0)
        return 0;
    *sender = sender_of(&message);
    if ((size_t)n > sizeof(*head) && !(message.msg_flags & MSG_TRUNC))
        return n - (ssize_t)sizeof(*head);
    int r = discard(fd);
    return r < 0 ? r : -EPROTO;
}

/* Whether ERROR of a send means that nobody waits for the answer any more. */
static bool is_unwanted(int error)
{
    return error == EPIPE || error == ECONNRESET || error == EAGAIN;
}

int store_answer(int fd, const struct store_head *head)
{
    ssize_t n;

    do
        n = send(fd, head, sizeof(*head), MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 && !is_unwanted(errno) ? -errno : discard(fd);
}
