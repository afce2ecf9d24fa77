#include "client/caller.h"

#include "base/clock.h"
#include "base/fd.h"
#include "client/link.h"
#include "client/output.h"
#include "client/probe_object.h"
#include "client/wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

void caller_stop(struct caller *c)
{
    if (!c->busy)
        return;
    tcp_facts_add(&c->calls->tcp, c->trip.fd);
    trip_free(&c->trip);
    window_free(&c->window);
    fd_close(&c->trip.fd);
    c->busy = false;
}

/* ---- objects ---- */

/* Whether there is to be an object for each message. They are many: none is written by itself. */
static bool puts_objects(const struct caller *c)
{
    return c->calls->common->json && c->calls->common->verbosity > VERBOSITY_QUIET;
}

static void end_object(const struct caller *c)
{
    output_count("connection", c->number);
    if (c->took)
        output_milliseconds("connect_ms", c->took);
    output_end_one_of_many();
}

static void put_reply(const struct caller *c, const struct reply *reply)
{
    probe_object_reply(&c->calls->peer, reply);
    end_object(c);
}

static void put_failure(const struct caller *c, const char *why)
{
    probe_object_begin(&c->calls->peer, "error");
    output_text("reason", why);
    end_object(c);
}

/* A point at the moment that was DUE, nanoseconds. */
static void draw(const struct caller *c, enum plot_mark mark, uint64_t due, uint64_t ns)
{
    uint64_t begin = c->calls->begin;

    plot_add(&c->calls->plot, mark, due > begin ? (due - begin) / 1000000 : 0, ns);
}

/* ---- a connection ---- */

/* It is over, because of WHY. What is wrong with a reply was put with that. */
static void fail(struct caller *c, const char *why)
{
    causes_add(&c->calls->causes, why);
    if (why != c->bad)
        draw(c, PLOT_LOST, c->begin - c->delay, 0);
    if (puts_objects(c) && why != c->bad)
        put_failure(c, why);
    caller_stop(c);
}

static const char *words(int error)
{
    const char *text = strerrordesc_np(-error); /* unlike strerror(3)'s, it stays */

    return text ? text : "unknown error";
}

/* Of the type of trip.take. */
static void take(void *context, const struct reply *received)
{
    struct caller *c = context;
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
    case REPLY_STRAY: /* a greeting, or the line that refuses us: what follows will tell */
        break;
    case REPLY_TRUNCATED:
        c->bad = "truncated reply";
        break;
    case REPLY_CORRUPTED:
        c->bad = "corrupted reply";
        break;
    default:
        c->left--;
        c->calls->messages++;
        stats_add(&c->calls->round_trips, reply->time);
        c->delay = 0; /* the next message is due now */
    }
}

static void renew_patience(struct caller *c)
{
    c->due = c->calls->common->timeout ? clock_now() + c->calls->common->timeout : NEVER;
}

/* Notes that C begins at .begin, though it was DUE before. */
static void note_delay(struct caller *c, uint64_t due)
{
    uint64_t delay = c->begin > due ? c->begin - due : 0;

    c->delay = c->calls->scheduled ? delay : 0;
    if (c->delay <= CALLER_LATE)
        return;
    c->calls->late++;
    if (delay > c->calls->latest)
        c->calls->latest = delay;
}

void caller_start(struct caller *c, uint64_t due)
{
    struct connect_plan plan = common_plan(c->calls->common, -1);
    int fd;

    plan.type = c->calls->type;
    c->number = ++c->calls->started;
    c->took = 0;
    c->bad = NULL;
    c->begin = clock_nanoseconds();
    note_delay(c, due);
    fd = connect_begin(&c->calls->peer, &plan);
    if (fd < 0) {
        c->calls->ran_short = c->calls->ran_short || connect_ran_short(fd);
        fail(c, words(fd));
        return;
    }
    c->busy = true;
    c->connected = false;
    c->left = c->calls->messages_each;
    window_init(&c->window, 2);
    c->trip = (struct trip){
        .fd = fd,
        .type = c->calls->type,
        .run = c->calls->run,
        .window = &c->window,
        .take = take,
        .context = c,
    };
    renew_patience(c);
}

short caller_events(const struct caller *c)
{
    return (short)(!c->connected || trip_pending(&c->trip) ? POLLIN | POLLOUT : POLLIN);
}

static void send_next(struct caller *c)
{
    int r = trip_send(&c->trip, c->calls->size);

    renew_patience(c);
    if (r < 0)
        fail(c, words(r));
}

/* The header of --proxy goes before the first message. */
static void finish_connecting(struct caller *c)
{
    char header[PROXY_HEADER_MAX];
    int r = connect_finish(c->trip.fd, &c->calls->peer);

    if (r < 0) {
        fail(c, words(r));
        return;
    }
    c->connected = true;
    if (c->trip.type != SOCK_DGRAM) {
        c->took = clock_nanoseconds() - c->begin + c->delay;
        stats_add(&c->calls->connects, c->took);
    }
    size_t len = link_header(c->calls->common, c->trip.fd, header);
    if (queue_append(&c->trip.out, header, len) < 0)
        fail(c, words(-ENOMEM));
    else
        send_next(c);
}

/* After something was received; R is what trip_receive() returned. */
static void go_on(struct caller *c, int r)
{
    if (r == 1)
        trip_conclude(&c->trip);
    if (c->bad)
        fail(c, c->bad);
    else if (c->left == 0) {
        c->calls->completed++;
        caller_stop(c);
    } else if (r != 0)
        fail(c, r == 1 ? "closed by the server before its reply" : words(r));
    else if (!window_oldest(&c->window))
        send_next(c);
}

void caller_move(struct caller *c)
{
    if (!c->connected) {
        finish_connecting(c);
        return;
    }
    int r = trip_flush(&c->trip);
    /* What broke the sending may have been said before. */
    int received = trip_receive(&c->trip);
    go_on(c, received ? received : r);
}

void caller_expire(struct caller *c, uint64_t now)
{
    if (!c->busy || now < c->due)
        return;
    trip_conclude(&c->trip);
    fail(c, c->bad ? c->bad : c->connected ? "no reply in time" : "no connection in time");
}
