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
/* How much later than the time limit the timer fires, so that a timeout is not taken for EINTR. */
#define GUARD_LATER (100 * USEC_PER_MSEC)

/* The bytes that had arrived before descriptors were refused, and may still carry some. */
static uint64_t queued(int fd)
{
    int bytes;

    return ioctl(fd, FIONREAD, &bytes) < 0 ? UINT64_MAX : (uint64_t)bytes;
}

/* A relaxed store costs as much as a plain one. */
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
    /* Urgent data (MSG_OOB) is received in line: otherwise its last byte would be missing. */
    setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
    /* Fails on a Unix socket, which has no Nagle algorithm. */
    bool is_unix = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0;
    if (is_unix)
        stream->guarded = passed_fds_refuse(fd) ? queued(fd) : UINT64_MAX;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/*
 * Makes the kernel enforce LIMIT for receiving or sending. As long as the limit does not change,
 * that saves a poll(2) for each call. Returns 0, or -ETIME if the time of the session is over.
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

/* recv(2). The timer bounds the wait for a passed descriptor, which SO_RCVTIMEO does not. */
static ssize_t receive(struct stream *stream, void *buf, size_t size)
{
    /* Makes recv(2) return the full length of a packet. On TCP the flag has another meaning. */
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

/* Returns what it means that a call has reached its time limit. */
static int limit_error(const struct stream *stream, uint64_t pause)
{
    if (stream->deadline && clock_now() >= stream->deadline)
        return -ETIME;
    return pause && (stream->idle == 0 || pause < stream->idle) ? -EAGAIN : STREAM_IDLE;
}

/* Returns what it means that recv(2) has returned 0. */
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

/* Discards what has been received. Returns as recv(2), but -errno. */
static ssize_t throw_away(const struct stream *stream)
{
    static char scrap[64 * 1024];
    ssize_t n = recv(stream->fd, scrap, sizeof(scrap), MSG_DONTWAIT);

    if (n < 0)
        return -errno;
    slot_count(&stream->slot->bytes_in, (uint64_t)n);
    return n;
}

/* Sends as much of DATA as the socket takes. Returns as send(2), but -errno. */
static ssize_t send_some(const struct stream *stream, const void *data, size_t len)
{
    ssize_t n = send(stream->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0)
        return -errno;
    slot_count(&stream->slot->bytes_out, (uint64_t)n);
    return n;
}

static bool is_temporary(ssize_t error)
{
    return error == -EAGAIN || error == -EINTR;
}

ssize_t stream_pour(struct stream *stream, const void *data, size_t len)
{
    struct pollfd polled = {.fd = stream->fd, .events = POLLIN | POLLOUT};
    uint64_t idle = stream->idle ? clock_now() + stream->idle : 0;
    uint64_t until = sooner(idle, stream->deadline);

    for (;;) {
        /* Checked each time, because poll(2) never times out while the client keeps sending. */
        if (until && clock_now() >= until)
            return until == stream->deadline ? -ETIME : STREAM_IDLE;
        int ready = poll(&polled, 1, until ? clock_timeout(until) : -1);
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready <= 0)
            continue;
        ssize_t n = polled.revents & ~POLLOUT ? throw_away(stream) : -EAGAIN;
        if (n <= 0 && !is_temporary(n))
            return n == 0 ? end_of_stream(stream) : n;
        n = polled.revents & POLLOUT ? send_some(stream, data, len) : -EAGAIN;
        if (!is_temporary(n))
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
