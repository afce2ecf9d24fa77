#include "client/load/load_connection.h"

#include "base/clock.h"
#include "base/fd.h"
#include "client/command/connection.h"
#include "client/io/output.h"
#include "client/io/wait.h"
#include "client/results/print_probe.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

void load_connection_stop(struct load_connection *c)
{
    if (!c->busy)
        return;
    tcp_facts_add(&c->totals->tcp, c->stream.fd);
    probe_stream_free(&c->stream);
    probe_window_free(&c->window);
    fd_close(&c->stream.fd);
    c->busy = false;
}

/* ---- objects ---- */

/* Whether to write a JSON object for each message. They are many, so the output is buffered. */
static bool puts_objects(const struct load_connection *c)
{
    return c->totals->common->json && c->totals->common->verbosity > VERBOSITY_QUIET;
}

static void end_object(const struct load_connection *c)
{
    output_count("connection", c->number);
    if (c->took)
        output_milliseconds("connect_ms", c->took);
    output_end_one_of_many();
}

static void put_reply(const struct load_connection *c, const struct reply *reply)
{
    print_probe_reply(&c->totals->peer, reply);
    end_object(c);
}

static void put_failure(const struct load_connection *c, const char *why)
{
    print_probe_begin(&c->totals->peer, "error");
    output_text("reason", why);
    end_object(c);
}

/* Adds a point at the time when it was DUE, in nanoseconds. */
static void draw(const struct load_connection *c, enum plot_mark mark, uint64_t due, uint64_t ns)
{
    uint64_t begin = c->totals->begin;

    plot_add(&c->totals->plot, mark, due > begin ? (due - begin) / 1000000 : 0, ns);
}

/* ---- a connection ---- */

/* Ends the connection because of WHY. The caller has reported what is wrong with a reply. */
static void fail(struct load_connection *c, const char *why)
{
    error_counts_add(&c->totals->errors, why);
    if (why != c->bad)
        draw(c, PLOT_LOST, c->begin - c->delay, 0);
    if (puts_objects(c) && why != c->bad)
        put_failure(c, why);
    load_connection_stop(c);
}

static const char *describe(int error)
{
    const char *text = strerrordesc_np(-error); /* constant, unlike that of strerror(3) */

    return text ? text : "unknown error";
}

/* The callback probe_stream.take. */
static void take(void *context, const struct reply *received)
{
    struct load_connection *c = context;
    struct reply counted = *received, *reply = &counted;
    bool damaged = reply->verdict == REPLY_TRUNCATED || reply->verdict == REPLY_CORRUPTED;

    if (reply->verdict != REPLY_STRAY)
        reply->time += c->delay, reply->seen += c->delay;
    if (puts_objects(c))
        put_reply(c, reply);
    if (reply->verdict != REPLY_STRAY)
        draw(c, damaged ? PLOT_DAMAGED : PLOT_INTACT, clock_nanoseconds() - reply->seen,
             reply->time);
    switch (reply->verdict) {
    case REPLY_STRAY: /* a greeting, or the reason of a refusal: what follows will show */
        break;
    case REPLY_TRUNCATED:
        c->bad = "truncated reply";
        break;
    case REPLY_CORRUPTED:
        c->bad = "corrupted reply";
        break;
    default:
        c->left--;
        c->totals->messages++;
        stats_add(&c->totals->round_trips, reply->time);
        c->delay = 0; /* the next message is due at once */
    }
}

static void restart_timeout(struct load_connection *c)
{
    c->due = c->totals->common->timeout ? clock_now() + c->totals->common->timeout : NEVER;
}

/* Records how much later than DUE the connection begins. */
static void note_delay(struct load_connection *c, uint64_t due)
{
    uint64_t delay = c->begin > due ? c->begin - due : 0;

    c->delay = c->totals->scheduled ? delay : 0;
    if (c->delay <= LOAD_LATE)
        return;
    c->totals->late++;
    if (delay > c->totals->latest)
        c->totals->latest = delay;
}

void load_connection_start(struct load_connection *c, uint64_t due)
{
    struct connect_plan plan = common_options_connect_plan(c->totals->common, -1);
    int fd;

    plan.type = c->totals->type;
    c->number = ++c->totals->started;
    c->took = 0;
    c->bad = NULL;
    c->begin = clock_nanoseconds();
    note_delay(c, due);
    fd = connect_begin(&c->totals->peer, &plan);
    if (fd < 0) {
        c->totals->ran_short = c->totals->ran_short || connect_ran_short(fd);
        fail(c, describe(fd));
        return;
    }
    c->busy = true;
    c->connected = false;
    c->left = c->totals->messages_each;
    probe_window_init(&c->window, 2);
    c->stream = (struct probe_stream){
        .fd = fd,
        .type = c->totals->type,
        .run = c->totals->run,
        .window = &c->window,
        .take = take,
        .context = c,
    };
    restart_timeout(c);
}

short load_connection_events(const struct load_connection *c)
{
    return (short)(!c->connected || probe_stream_pending(&c->stream) ? POLLIN | POLLOUT : POLLIN);
}

static void send_next(struct load_connection *c)
{
    int r = probe_stream_send(&c->stream, c->totals->size);

    restart_timeout(c);
    if (r < 0)
        fail(c, describe(r));
}

/* The header of --proxy is sent before the first message. */
static void finish_connecting(struct load_connection *c)
{
    char header[PROXY_HEADER_MAX];
    int r = connect_finish(c->stream.fd, &c->totals->peer);

    if (r < 0) {
        fail(c, describe(r));
        return;
    }
    c->connected = true;
    if (c->stream.type != SOCK_DGRAM) {
        c->took = clock_nanoseconds() - c->begin + c->delay;
        stats_add(&c->totals->connects, c->took);
    }
    size_t len = connection_header(c->totals->common, c->stream.fd, header);
    if (byte_queue_append(&c->stream.out, header, len) < 0)
        fail(c, describe(-ENOMEM));
    else
        send_next(c);
}

/* Continues after receiving; R is the result of probe_stream_receive(). */
static void go_on(struct load_connection *c, int r)
{
    if (r == 1)
        probe_stream_conclude(&c->stream);
    if (c->bad)
        fail(c, c->bad);
    else if (c->left == 0) {
        c->totals->completed++;
        load_connection_stop(c);
    } else if (r != 0)
        fail(c, r == 1 ? "closed by the server before its reply" : describe(r));
    else if (!probe_window_oldest(&c->window))
        send_next(c);
}

void load_connection_move(struct load_connection *c)
{
    if (!c->connected) {
        finish_connecting(c);
        return;
    }
    int r = probe_stream_flush(&c->stream);
    /* The server may have sent the reason before it closed the connection. */
    int received = probe_stream_receive(&c->stream);
    go_on(c, received ? received : r);
}

void load_connection_expire(struct load_connection *c, uint64_t now)
{
    if (!c->busy || now < c->due)
        return;
    probe_stream_conclude(&c->stream);
    fail(c, c->bad ? c->bad : c->connected ? "no reply in time" : "no connection in time");
}
