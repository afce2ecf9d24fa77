#include "scribe/store.h"

#include "base/span.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Waits for EVENTS on FD. Returns 0 or -ETIMEDOUT or -errno. */
static int wait_for(int fd, short events, uint64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, clock_until(deadline));
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* Sends RECORD with the descriptor ANSWER (unix(7), SCM_RIGHTS), when the queue has room. */
static int send_with(int channel, const struct record *record, int answer, uint64_t deadline)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec data = {.iov_base = record->data, .iov_len = record->used};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

    *rights = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(rights), &answer, sizeof(answer));
    while (sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        int r = errno == EAGAIN  ? wait_for(channel, POLLOUT, deadline)
                : errno == EINTR ? 0
                                 : -errno;
        if (r < 0)
            return r;
    }
    return 0;
}

/* -errno as the sink gave it; EAGAIN of ask() means something else. */
static int failure_of(unsigned char status)
{
    return status == EAGAIN ? -EIO : -(int)status;
}

/* One question and its answer; -EAGAIN if the scribe took the record and died over it. */
static int ask(int channel, const struct record *record, uint64_t deadline)
{
    int answer[2];
    unsigned char status;

    if (pipe2(answer, O_CLOEXEC) < 0)
        return -errno;
    int r = send_with(channel, record, answer[1], deadline);
    close(answer[1]); /* the scribe has the only other one: if it dies, the pipe ends */
    if (r == 0)
        r = wait_for(answer[0], POLLIN, deadline);
    if (r == 0)
        r = read(answer[0], &status, 1) == 1 ? failure_of(status) : -EAGAIN;
    close(answer[0]);
    return r;
}

int store_record(int channel, const struct record *record, uint64_t timeout)
{
    uint64_t deadline = clock_now() + timeout;
    int r;

    do
        r = ask(channel, record, deadline);
    while (r == -EAGAIN && clock_now() < deadline);
    return r == -EAGAIN ? -ETIMEDOUT : r;
}
