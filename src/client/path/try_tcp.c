#include "client/path/try_tcp.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/fd.h"
#include "base/macros.h"
#include "client/command/connection.h"
#include "client/io/wait.h"
#include "client/probe/probe_stream.h"
#include "client/probe/probe_window.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#define SMALL 64
#define BULK 65536

/* How long to wait without progress. A segment is retransmitted after 0.2, 0.6 and 1.4 s. */
#define PATIENCE (3 * USEC_PER_SEC)

/* How long the whole transfer may take. */
#define BULK_TIME (10 * USEC_PER_SEC)

/* A connection to the echo service. */
struct echo {
    struct connection connection;
    struct probe_stream stream;
    struct probe_window window;
    enum verdict verdict; /* of the last reply */
};

/* The callback probe_stream.take. */
static void take(void *context, const struct reply *reply)
{
    struct echo *e = context;

    e->verdict = reply->verdict;
}

/* Connects, and tries another local port if there is no answer. Returns 0 or -errno. */
static int echo_connect(struct path *p, const struct address *address, struct echo *e)
{
    struct common_options common = *p->common;
    int r = -ETIMEDOUT;
    unsigned failed;

    for (failed = 0; failed < PATH_TRIES && r == -ETIMEDOUT; failed += r == -ETIMEDOUT) {
        common.timeout = path_reply_timeout(p, failed);
        r = connection_try(&common, address, p->interrupts, &e->connection);
    }
    if (r == 0)
        path_report_tries(p, address, failed);
    return r;
}

/* Connects, and exchanges a small echo. Returns 0, -EBADMSG if the reply is not the echo, or
 * another -errno. */
static int echo_open(struct path *p, const struct address *address, struct echo *e)
{
    int r = echo_connect(p, address, e);

    if (r < 0)
        return r;
    probe_window_init(&e->window, 2);
    e->stream = (struct probe_stream){.fd = e->connection.fd,
                                      .type = e->connection.type,
                                      .run = probe_run(),
                                      .window = &e->window,
                                      .take = take,
                                      .context = e};
    r = probe_stream_ask(&e->stream, SMALL, PATIENCE, p->interrupts);
    return r == 0 && e->verdict != REPLY_INTACT ? -EBADMSG : r;
}

static void echo_close(struct echo *e)
{
    if (e->connection.fd < 0)
        return;
    probe_stream_free(&e->stream);
    probe_window_free(&e->window);
    fd_close(&e->connection.fd);
}

/* ---- finding the service ---- */

static const char *words(int r)
{
    switch (r) {
    case -EBADMSG:
        return "it is another service";
    case -EPIPE:
        return "it closes the connection";
    case -ETIMEDOUT:
        return "silence";
    }
    return strerror(-r);
}

void path_find_tcp(struct path *p, const struct address *address, bool named)
{
    struct echo e = {.connection = {.fd = -1}};
    char text[ADDRESS_TEXT_MAX];
    int r = echo_open(p, address, &e);

    address_format(address, text, sizeof(text));
    if (r == 0)
        p->tcp = *address;
    else if (r != -ECANCELED && named)
        findings_add(&p->findings, "tcp", "no echo from %s: %s", text, words(r));
    else if (r != -ECANCELED)
        findings_note(&p->findings, "tcp",
                      "streams were not tried: no TCP echo service on %s (--echo-port): %s", text,
                      words(r));
    echo_close(&e);
}

/* ---- bulk data ---- */

/* Returns the number of bytes in flight or queued, which changes while there is progress. */
static size_t in_motion(const struct echo *e)
{
    int unsent = 0;

    if (ioctl(e->connection.fd, SIOCOUTQ, &unsent) < 0)
        return 0;
    return (size_t)unsent + byte_queue_length(&e->stream.out) +
           2 * (BULK - byte_queue_length(&e->stream.in));
}

/* Waits until MOMENT at most, and handles the events. Returns 0, 1, -errno or -ECANCELED. */
static int move(struct path *p, struct echo *e, uint64_t moment)
{
    short events = (short)(POLLIN | (probe_stream_pending(&e->stream) ? POLLOUT : 0));
    struct pollfd set[] = {{.fd = e->connection.fd, .events = events},
                           {.fd = p->interrupts, .events = POLLIN}};
    int n = poll(set, ARRAY_SIZE(set), clock_timeout(moment));

    if (n <= 0)
        return n < 0 && errno != EINTR ? -errno : 0;
    if (set[1].revents)
        return -ECANCELED;
    int r = probe_stream_flush(&e->stream);
    return r < 0 ? r : probe_stream_receive(&e->stream);
}

/* Sends the data and waits for all of it as long as there is progress. Returns 0, -EPIPE,
 * -ETIMEDOUT, -EAGAIN if it takes too long, or another -errno. */
static int ask_bulk(struct path *p, struct echo *e)
{
    uint64_t end = clock_now() + BULK_TIME, patience = clock_now() + PATIENCE;
    int r = probe_stream_send(&e->stream, BULK);
    size_t before = in_motion(e);

    while (r == 0 && probe_window_oldest(&e->window)) {
        r = move(p, e, clock_earlier(patience, end));
        if (in_motion(e) != before)
            patience = clock_now() + PATIENCE;
        before = in_motion(e);
        if (r == 0 && probe_window_oldest(&e->window) &&
            clock_now() >= clock_earlier(patience, end))
            r = clock_now() >= end ? -EAGAIN : -ETIMEDOUT;
    }
    return r == 1 ? -EPIPE : r;
}

void path_try_bulk(struct path *p)
{
    struct echo e = {.connection = {.fd = -1}};

    if (p->tcp.len == 0)
        return;
    int r = echo_open(p, &p->tcp, &e);
    if (r == 0)
        r = ask_bulk(p, &e);
    if (r == 0 && e.verdict == REPLY_INTACT)
        findings_note(&p->findings, "bulk",
                      "64 KiB over one connection come back as they were sent");
    else if (r == 0)
        findings_add(&p->findings, "bulk", "64 KiB over one connection come back damaged");
    else if (r == -EAGAIN)
        findings_note(&p->findings, "bulk", "64 KiB over one connection take more than 10 s");
    else if (r == -ETIMEDOUT)
        findings_add(
            &p->findings, "bulk",
            "64 KiB over one connection stall, while 64 bytes pass: large segments vanish (an "
            "MTU black hole?)");
    else if (r != -ECANCELED)
        findings_add(&p->findings, "bulk", "64 KiB over one connection do not come back: %s",
                     words(r));
    echo_close(&e);
}

/* ---- silence ---- */

/* Stays silent until END. Returns 0, or the error that occurred meanwhile. */
static int be_silent(struct path *p, struct echo *e, uint64_t end)
{
    struct pollfd set[] = {{.fd = e->connection.fd, .events = POLLIN},
                           {.fd = p->interrupts, .events = POLLIN}};
    int r = 0;

    while (r == 0 && clock_now() < end) {
        if (poll(set, ARRAY_SIZE(set), clock_timeout(end)) <= 0)
            continue;
        if (set[1].revents)
            return -ECANCELED;
        r = probe_stream_receive(&e->stream);
    }
    return r;
}

static void report_idle(struct path *p, uint64_t after, int r)
{
    char text[DURATION_TEXT_MAX];

    duration_format(after / USEC_PER_MSEC * USEC_PER_MSEC, text, sizeof(text));
    if (r == 0)
        findings_note(&p->findings, "idle", "a connection is alive after %s of silence", text);
    else if (r == 1 || r == -EPIPE)
        findings_add(
            &p->findings, "idle",
            "an idle connection is closed after %s (FIN), by the server or by something in front "
            "of it",
            text);
    else if (r == -ECONNRESET)
        findings_add(&p->findings, "idle", "a connection is reset after %s of silence (RST)", text);
    else if (r == -ETIMEDOUT)
        findings_add(
            &p->findings, "idle",
            "after %s of silence nothing comes back: something on the path has dropped the state "
            "of the connection",
            text);
    else if (r != -ECANCELED)
        findings_add(&p->findings, "idle", "after %s of silence: %s", text, strerror(-r));
}

void path_try_idle(struct path *p)
{
    struct echo e = {.connection = {.fd = -1}};

    if (p->opts->idle == 0 || p->tcp.len == 0)
        return;
    int r = echo_open(p, &p->tcp, &e);
    uint64_t begin = clock_now();
    if (r == 0)
        r = be_silent(p, &e, begin + p->opts->idle);
    uint64_t after = r == 0 ? p->opts->idle : clock_now() - begin;
    if (r == 0)
        r = probe_stream_ask(&e.stream, SMALL, PATIENCE, p->interrupts);
    report_idle(p, after, r);
    echo_close(&e);
}
