#include "service/stream.h"

#include "base/clock.h"
#include "base/passed_fds.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#define LINGER_TIME (2 * USEC_PER_SEC)
#define LINGER_BYTES (1024 * 1024)
/* Behind a limit, so that silence is told from an interruption. */
#define GUARD_LATER (100 * USEC_PER_MSEC)

/* The bytes that have come already: what was passed with them was not turned away. */
static uint64_t queued(int fd)
{
    int bytes;

    return ioctl(fd, FIONREAD, &bytes) < 0 ? UINT64_MAX : (uint64_t)bytes;
}

/* A relaxed store: what it costs is that of plain memory. */
static void set_busy(const struct stream *stream, bool busy)
{
    atomic_store_explicit(&stream->slot->busy, busy, memory_order_relaxed);
}

void stream_init(struct stream *stream, int fd, struct slot *slot, uint64_t idle, uint64_t session)
{
    int on = 1, type = SOCK_STREAM;
    socklen_t len = sizeof(type);

    *stream = (struct stream){
        .fd = fd, .slot = slot, .idle = idle, .deadline = session ? clock_now() + session : 0};
    set_busy(stream, true);
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
    stream->packets = type == SOCK_SEQPACKET;
    /* Urgent data (MSG_OOB) is data: else its last byte would be left out. */
    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    /* Fails on a Unix socket, which has no Nagle algorithm to turn off. */
    bool is_unix = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0;
    if (is_unix)
        stream->guarded = passed_fds_refuse(fd) ? queued(fd) : UINT64_MAX;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/*
 * Lets the kernel do the waiting: a receive or send that blocks for LIMIT returns. That is one
 * system call less for each than with poll(2), as long as the limit stays the same.
 * Returns 0, or -ETIME where the session is over.
 */
static int set_limit(const struct stream *stream, int option, uint64_t *set, uint64_t limit)
{
    if (stream->deadline) {
        uint64_t now = clock_now();
        if (now >= stream->deadline)
            return -ETIME;
        limit = sooner(limit, stream->deadline - now);
    }
    if (limit == *set)
        return 0;
    struct timeval tv = {.tv_sec = (time_t)(limit / USEC_PER_SEC),
                         .tv_usec = (suseconds_t)(limit % USEC_PER_SEC)};
    if (setsockopt(stream->fd, SOL_SOCKET, option, &tv, sizeof(tv)) < 0)
        return -errno;
    *set = limit;
    return 0;
}

/* recv(2). The limit does not bound how long a descriptor makes it wait that came with the data. */
static ssize_t receive(struct stream *stream, void *buf, size_t size)
{
    /* With the flag, the true length of a packet; on TCP it would mean something else. */
    int flags = stream->packets ? MSG_TRUNC : 0;

    if (!stream->guarded || stream->receive_limit == 0)
        return recv(stream->fd, buf, size, flags);
    passed_fds_guard(stream->receive_limit + GUARD_LATER);
    ssize_t n = recv(stream->fd, buf, size, flags);
    passed_fds_unguard();
    if (n > 0 && stream->guarded != UINT64_MAX)
        stream->guarded -= (uint64_t)n < stream->guarded ? (uint64_t)n : stream->guarded;
    return n;
}

/* What a call that was cut off by its limit means. */
static int limit_error(const struct stream *stream, uint64_t pause)
{
    if (stream->deadline && clock_now() >= stream->deadline)
        return -ETIME;
    return pause && (stream->idle == 0 || pause < stream->idle) ? -EAGAIN : STREAM_IDLE;
}

/* What a receive that returned 0 means. */
static int end_of_stream(const struct stream *stream)
{
    return stream->cut && *stream->cut ? -ESHUTDOWN : 0;
}

ssize_t stream_receive(struct stream *stream, void *buf, size_t size, uint64_t pause)
{
    set_busy(stream, stream->unfinished);
    for (;;) {
        int r = set_limit(stream, SO_RCVTIMEO, &stream->receive_limit, sooner(stream->idle, pause));
        if (r < 0)
            return r;
        ssize_t n = receive(stream, buf, size);
        if (n == 0)
            return end_of_stream(stream);
        if (n > 0) {
            set_busy(stream, true);
            slot_count(&stream->slot->bytes_in, (uint64_t)n);
            return (size_t)n > size ? -EMSGSIZE : n;
        }
        if (errno == EAGAIN)
            return limit_error(stream, pause);
        if (errno != EINTR)
            return -errno;
    }
}

int stream_send(struct stream *stream, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        int r = set_limit(stream, SO_SNDTIMEO, &stream->send_limit, stream->idle);
        if (r < 0)
            return r;
        ssize_t n = send(stream->fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return limit_error(stream, 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n < 0)
            continue;
        slot_count(&stream->slot->bytes_out, (uint64_t)n);
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Throws away what has come. Returns as recv(2) does, but -errno. */
static ssize_t throw_away(const struct stream *stream)
{
    static char scrap[64 * 1024];
    ssize_t n = recv(stream->fd, scrap, sizeof(scrap), MSG_DONTWAIT);

    if (n < 0)
        return -errno;
    slot_count(&stream->slot->bytes_in, (uint64_t)n);
    return n;
}

/* As much of DATA as is taken at once. Returns as send(2) does, but -errno. */
static ssize_t send_some(const struct stream *stream, const void *data, size_t len)
{
    ssize_t n = send(stream->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0)
        return -errno;
    slot_count(&stream->slot->bytes_out, (uint64_t)n);
    return n;
}

static bool is_passing(ssize_t error)
{
    return error == -EAGAIN || error == -EINTR;
}

ssize_t stream_pour(struct stream *stream, const void *data, size_t len)
{
    struct pollfd polled = {.fd = stream->fd, .events = POLLIN | POLLOUT};
    uint64_t idle = stream->idle ? clock_now() + stream->idle : 0;
    uint64_t until = sooner(idle, stream->deadline);

    for (;;) {
        /* Asked each time: a client that goes on sending never lets the poll time out. */
        if (until && clock_now() >= until)
            return until == stream->deadline ? -ETIME : STREAM_IDLE;
        int ready = poll(&polled, 1, until ? clock_timeout(until) : -1);
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready <= 0)
            continue;
        ssize_t n = polled.revents & ~POLLOUT ? throw_away(stream) : -EAGAIN;
        if (n <= 0 && !is_passing(n))
            return n == 0 ? end_of_stream(stream) : n;
        n = polled.revents & POLLOUT ? send_some(stream, data, len) : -EAGAIN;
        if (!is_passing(n))
            return n;
    }
}

void stream_send_final(struct stream *stream, const void *data, size_t len)
{
    send_some(stream, data, len);
}

void stream_linger(struct stream *stream)
{
    char scrap[4096];
    size_t left = LINGER_BYTES;
    ssize_t n;

    shutdown(stream->fd, SHUT_WR);
    stream->idle = LINGER_TIME;
    stream->deadline = clock_now() + LINGER_TIME;
    while (left > sizeof(scrap) && (n = stream_receive(stream, scrap, sizeof(scrap), 0)) > 0)
        left -= (size_t)n;
}
