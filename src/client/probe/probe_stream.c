#include "client/probe/probe_stream.h"

#include "base/clock.h"
#include "base/macros.h"
#include "client/connect/stamp.h"
#include "client/io/wait.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

/* Larger than any datagram. */
#define BLOCK 65536

/* How often to call recv(2) before the clock is checked, in case the peer sends without end. */
#define RECEIVES_MAX 64

uint32_t probe_run(void)
{
    uint32_t run;

    /* Not a secret: it only distinguishes our probes from those of other clients. */
    if (getrandom(&run, sizeof(run), GRND_NONBLOCK) != (ssize_t)sizeof(run))
        run = (uint32_t)clock_nanoseconds();
    return run;
}

/* ---- sending ---- */

bool probe_stream_pending(const struct probe_stream *t)
{
    return byte_queue_length(&t->out) > 0;
}

/* Returns why send(2) failed. The kernel reports a reset only once, to the next call. */
static int reason(struct probe_stream *t, int error)
{
    if (error == EPIPE)
        return t->end < 0 ? t->end : -error;
    if (t->type != SOCK_DGRAM)
        t->broken = -error;
    return -error;
}

int probe_stream_flush(struct probe_stream *t)
{
    while (probe_stream_pending(t)) {
        size_t len = byte_queue_length(&t->out);
        ssize_t n = send(t->fd, byte_queue_front(&t->out), len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : reason(t, errno);
        byte_queue_drop(&t->out, (size_t)n);
    }
    return 0;
}

/* Empties the error queue, which also has the timestamps of sent data. */
static void empty_error_queue(struct probe_stream *t)
{
    struct queued_error error;
    struct departure departure;
    enum queued kind;

    /* On a Unix socket, MSG_ERRQUEUE would receive a datagram. */
    while (t->queues && (kind = error_queue_take(t->fd, &error, &departure)) != QUEUED_NOTHING) {
        struct sent *sent = NULL;
        if (kind == QUEUED_DEPARTURE)
            sent = probe_window_get(t->window, t->first + departure.number);
        else if (t->reported.error == 0 || error_queue_prefers(&error, &t->reported))
            t->reported = error;
        if (sent && departure.time > sent->time)
            sent->departed = departure.time;
    }
}

bool probe_stream_take_error(struct probe_stream *t, struct queued_error *e)
{
    empty_error_queue(t);
    if (t->reported.error == 0)
        return false;
    *e = t->reported;
    t->reported = (struct queued_error){0};
    return true;
}

/* Enables timestamps for what is sent from probe FIRST on. */
static void number_departures(struct probe_stream *t, uint32_t first)
{
    empty_error_queue(t);
    stamp_enable_departures(t->fd);
    t->first = first;
}

static void enable_stamps(struct probe_stream *t)
{
    int domain = AF_UNSPEC;
    socklen_t len = sizeof(domain);

    getsockopt(t->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
    t->queues = t->type == SOCK_DGRAM && (domain == AF_INET || domain == AF_INET6);
    if (t->queues)
        number_departures(t, t->window->next);
    else
        stamp_enable(t->fd);
    t->stamped = true;
}

static int send_datagram(struct probe_stream *t, uint32_t seq)
{
    size_t len = byte_queue_length(&t->out);
    ssize_t n = send(t->fd, byte_queue_front(&t->out), len, MSG_NOSIGNAL | MSG_DONTWAIT);
    int r = n < 0 ? reason(t, errno) : 0;

    byte_queue_drop(&t->out, len);
    if (r < 0 && t->queues)
        number_departures(t, seq + 1); /* the kernel may have numbered it or not */
    else
        empty_error_queue(t);
    return r < 0 ? r : -t->reported.error;
}

int probe_stream_send(struct probe_stream *t, uint32_t size)
{
    char *room = byte_queue_room(&t->out, size);

    if (!room)
        return -ENOMEM;
    if (!t->stamped)
        enable_stamps(t);
    struct sent *sent = probe_window_add(t->window, size, clock_nanoseconds());
    struct probe probe = {.run = t->run, .seq = sent->seq, .size = size, .time = sent->time};
    probe_write(&probe, room);
    byte_queue_extend(&t->out, size);
    return t->type == SOCK_STREAM ? probe_stream_flush(t) : send_datagram(t, sent->seq);
}

/* ---- judging ---- */

/* Returns the probe that DATA claims to be, or NULL if it is unknown. */
static struct sent *claimed(const struct probe_stream *t, const uint8_t *data, size_t len)
{
    uint32_t seq = 0;
    unsigned known = len < 4 ? (unsigned)len : 4;

    for (unsigned i = 0; i < known; i++)
        seq |= (uint32_t)data[i] << (8 * i);
    /* The last byte of a tiny probe is a newline. */
    if (known > 1 && known == len && data[len - 1] == '\n')
        known--;
    return probe_window_guess(t->window, seq, 8 * known);
}

static enum verdict verdict_on_intact(const struct probe_window *w, const struct sent *sent)
{
    if (sent->fate == FATE_ANSWERED)
        return REPLY_DUPLICATE;
    if (sent->fate == FATE_OVERDUE)
        return REPLY_LATE;
    return sent->seq < w->highest ? REPLY_REORDERED : REPLY_INTACT;
}

/* Computes the times of REPLY to a probe that was SENT, and DEPARTED by the kernel's timestamp (0
 * if not known), in nanoseconds. */
static void take_times(const struct probe_stream *t, uint64_t sent, uint64_t departed,
                       struct reply *reply)
{
    uint64_t from = departed ? departed : sent;

    reply->seen = clock_nanoseconds() - sent;
    reply->time = t->arrived > from ? t->arrived - from : reply->seen;
}

/* REPLY is the result of SENT. */
static void settle(const struct probe_stream *t, struct sent *sent, struct reply *reply)
{
    struct probe_window *w = t->window;

    reply->seq = sent->seq;
    reply->size = sent->size;
    take_times(t, sent->time, sent->departed, reply);
    reply->again = sent->fate == FATE_ANSWERED;
    sent->fate = FATE_ANSWERED;
    if (sent->seq > w->highest)
        w->highest = sent->seq;
}

/* Compares REPLY with SENT, and stores the verdict. */
static void measure(const struct probe_stream *t, const struct sent *sent, struct reply *reply)
{
    struct probe probe = {.run = t->run, .seq = sent->seq, .size = sent->size, .time = sent->time};
    size_t same;

    reply->at = probe_compare(&probe, reply->data, reply->len, &reply->expected, &same);
    if (reply->at < reply->len)
        reply->got = ((const uint8_t *)reply->data)[reply->at];
    if (same * 2 < reply->len || same == 0) /* one byte of 256 is equal by chance */
        reply->verdict = REPLY_STRAY;
    else if (reply->at < reply->len)
        reply->verdict = REPLY_CORRUPTED;
    else if (reply->len < sent->size)
        reply->verdict = REPLY_TRUNCATED;
    else
        reply->verdict = verdict_on_intact(t->window, sent);
}

/* A stray that is an intact probe of this run is a very late reply to a probe that is forgotten. */
static void recall(const struct probe_stream *t, struct reply *reply)
{
    struct probe probe;

    if (!probe_read(reply->data, reply->len, t->run, &probe))
        return;
    reply->verdict = REPLY_LATE;
    reply->seq = probe.seq;
    reply->size = probe.size;
    take_times(t, probe.time, 0, reply);
}

/* Classifies the LEN bytes at DATA, one piece, and passes them on. */
static void judge(struct probe_stream *t, const void *data, size_t len)
{
    struct reply reply = {.verdict = REPLY_STRAY, .data = data, .len = len, .expected = -1};
    struct sent *sent = claimed(t, data, len);

    if (sent)
        measure(t, sent, &reply);
    if (reply.verdict == REPLY_STRAY) {
        sent = probe_window_oldest(t->window); /* the sequence number may be corrupted */
        if (sent)
            measure(t, sent, &reply);
    }
    if (reply.verdict != REPLY_STRAY)
        settle(t, sent, &reply);
    else
        recall(t, &reply);
    t->take(t->context, &reply);
}

/* ---- receiving ---- */

/* Returns the expected size of the next reply. */
static size_t next_size(const struct probe_stream *t)
{
    struct sent *sent = probe_window_oldest(t->window);

    if (!sent) /* a duplicate or late reply: assume the usual size */
        sent = probe_window_get(t->window, t->window->next - 1);
    return sent ? sent->size : 0;
}

/*
 * Returns how many of the received bytes of a stream are one piece: up to where the next probe
 * begins, or else as many as were sent. Returns 0 if that is not known yet.
 */
static size_t next_piece(const struct probe_stream *t)
{
    size_t len = byte_queue_length(&t->in), size = next_size(t);
    const char *front = byte_queue_front(&t->in);
    size_t searched = size > 0 && len > size + PROBE_MARK ? size + PROBE_MARK : len;
    ssize_t next = probe_find(front, searched, 1, t->run);

    if (next > 0 && ((size_t)next < size || size == 0))
        return (size_t)next;
    if (size == 0) /* nothing was sent yet: wait for more */
        return len > BLOCK ? len : 0;
    return len >= size ? size : 0;
}

static void judge_pieces(struct probe_stream *t)
{
    size_t piece;

    while (byte_queue_length(&t->in) > 0 && (piece = next_piece(t)) > 0) {
        judge(t, byte_queue_front(&t->in), piece);
        byte_queue_drop(&t->in, piece);
    }
}

void probe_stream_conclude(struct probe_stream *t)
{
    size_t left = byte_queue_length(&t->in);

    if (left > 0)
        judge(t, byte_queue_front(&t->in), left);
    byte_queue_drop(&t->in, left);
}

/* Calls recv(2) once. Returns 1 to continue, 0 if there is nothing more, -ESHUTDOWN at the end of a
 * connection, or another -errno. Not to a buffer on the stack, which the caller's limit may keep
 * small. */
static int receive_some(struct probe_stream *t)
{
    char *room = byte_queue_room(&t->in, BLOCK);

    if (!room)
        return -ENOMEM;
    ssize_t n = stamp_recv(t->fd, room, BLOCK, &t->arrived);
    if (n < 0)
        return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -errno;
    if (n == 0 && t->type != SOCK_DGRAM)
        return -ESHUTDOWN;
    byte_queue_extend(&t->in, (size_t)n);
    if (t->type == SOCK_STREAM) {
        judge_pieces(t);
        return 1;
    }
    judge(t, byte_queue_front(&t->in), (size_t)n);
    byte_queue_drop(&t->in, (size_t)n);
    return 1;
}

int probe_stream_receive(struct probe_stream *t)
{
    int r = 1;

    empty_error_queue(t);
    for (int n = 0; n < RECEIVES_MAX && t->end == 0 && r > 0; n++)
        r = receive_some(t);
    if (t->type == SOCK_DGRAM)
        return r < 0 ? r : -t->reported.error;
    if (r == -ESHUTDOWN)
        t->end = t->broken < 0 ? t->broken : 1;
    else if (r < 0)
        t->end = r;
    return t->end;
}

/* Waits once for an answer, and receives. Returns 0 to continue, or as probe_stream_ask(). */
static int await(struct probe_stream *t, uint64_t deadline, int wake)
{
    short events = (short)(POLLIN | (probe_stream_pending(t) ? POLLOUT : 0));
    struct pollfd set[] = {{.fd = t->fd, .events = events}, {.fd = wake, .events = POLLIN}};
    int n = poll(set, ARRAY_SIZE(set), clock_timeout(deadline));

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (set[1].revents)
        return -ECANCELED;
    int r = probe_stream_flush(t);
    if (r == 0 && n > 0 && set[0].revents & ~POLLOUT)
        r = probe_stream_receive(t);
    if (r == 0 && clock_now() >= deadline) /* even if other data keeps arriving */
        r = -ETIMEDOUT;
    return r > 0 ? -EPIPE : r;
}

/* Waits for the answer to the last probe, unless R is the error of sending it. */
static int await_answer(struct probe_stream *t, int r, uint64_t timeout, int wake)
{
    uint64_t deadline = timeout ? clock_now() + timeout : NEVER;
    struct sent *sent = probe_window_get(t->window, t->window->next - 1);

    while (r == 0 && sent->fate != FATE_ANSWERED)
        r = await(t, deadline, wake);
    if (r == -ETIMEDOUT || r == -EPIPE)
        probe_stream_conclude(t); /* a part of the reply may have arrived */
    if (sent && sent->fate == FATE_ANSWERED)
        return 0;
    if (sent && r != -ECANCELED)
        sent->fate = FATE_OVERDUE;
    return r;
}

int probe_stream_ask(struct probe_stream *t, uint32_t size, uint64_t timeout, int wake)
{
    return await_answer(t, probe_stream_send(t, size), timeout, wake);
}

int probe_stream_ask_on(struct probe_stream *t, uint64_t timeout, int wake)
{
    return await_answer(t, 0, timeout, wake);
}

void probe_stream_free(struct probe_stream *t)
{
    byte_queue_free(&t->out);
    byte_queue_free(&t->in);
}
