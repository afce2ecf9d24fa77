#include "base/span.h"
#include "base/util.h"
#include "client/caller.h"
#include "client/link.h"
#include "client/output.h"
#include "client/report.h"
#include "client/room.h"
#include "client/stop.h"
#include "client/times.h"
#include "client/verb.h"
#include "client/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How much of a delay is made up for: connections of as many microseconds may come at once. */
#define CATCH_UP 100000

struct load_options {
    uint64_t connections; /* at once */
    uint64_t rate;        /* new ones a second; 0: as fast as it goes */
    uint64_t time;        /* microseconds; 0: until .count */
    uint64_t count;       /* in all; 0: until .time */
    uint64_t messages;    /* each */
    uint64_t size;        /* of a message */
};

#define AT(member) offsetof(struct load_options, member)

static const struct option_row rows[] = {
    {"connections", 0, &argument_count, AT(connections), 0, "N", "have N at once [10]"},
    {"rate", 0, &argument_count, AT(rate), 0, "N", "begin N a second [as many as it goes]"},
    {"for", 0, &argument_span, AT(time), 0, "SPAN", "stop after SPAN [10s, if there is no -c]"},
    {"count", 'c', &argument_count, AT(count), 0, "N", "stop after N connections in all"},
    {"messages", 0, &argument_count, AT(messages), 0, "N", "N echoes over each [1]"},
    {"size", 's', &argument_size, AT(size), 0, "BYTES", "of each message [56]"},
};

struct load {
    const struct load_options *own;
    struct calls *calls;
    struct caller *callers; /* own->connections of them */
    struct pollfd *set;     /* for each; and the signals */
    bool progress;
    bool over;
    uint64_t begin, end; /* microseconds; NEVER */
    uint64_t next;       /* when the next connection may begin */
    uint64_t tick;       /* when progress is to be told, and what was printed written */
};

/* ---- telling ---- */

static uint64_t per_second(uint64_t count, uint64_t usec)
{
    return usec ? (uint64_t)((unsigned __int128)count * USEC_PER_SEC / usec) : 0;
}

static void tell_progress(const struct load *l, const char *begin, const char *end)
{
    uint64_t took = clock_now() - l->begin;

    fprintf(stderr,
            "%s%" PRIu64 " s: %" PRIu64 " connection%s, %" PRIu64 "/s, %" PRIu64
            " message%s, %" PRIu64 " error%s%s",
            begin, took / USEC_PER_SEC, l->calls->completed, plural(l->calls->completed),
            per_second(l->calls->completed, took), l->calls->messages, plural(l->calls->messages),
            l->calls->causes.count, plural(l->calls->causes.count), end);
}

static void print_summary(const struct load *l, uint64_t took)
{
    const struct calls *calls = l->calls;
    char peer[ADDRESS_TEXT_MAX], time[TIME_TEXT_MAX];

    output_line("--- %s load ---", address_format(&calls->peer, peer, sizeof(peer)));
    output_line("%" PRIu64 " connection%s in %s ms: %" PRIu64 "/s; %" PRIu64 " message%s: %" PRIu64
                "/s; %" PRIu64 " error%s",
                calls->completed, plural(calls->completed), output_time(took * NSEC_PER_USEC, time),
                per_second(calls->completed, took), calls->messages, plural(calls->messages),
                per_second(calls->messages, took), calls->causes.count,
                plural(calls->causes.count));
    causes_print(&calls->causes);
    times_print("connect", &calls->connects);
    times_print("round trip", &calls->round_trips);
}

static void put_summary(const struct load *l, uint64_t took, int status)
{
    const struct calls *calls = l->calls;

    output_begin("summary");
    output_address("address", &calls->peer);
    output_milliseconds("duration_ms", took * NSEC_PER_USEC);
    output_count("connections", calls->completed);
    output_count("connections_per_second", per_second(calls->completed, took));
    output_count("messages", calls->messages);
    output_count("messages_per_second", per_second(calls->messages, took));
    output_count("errors", calls->causes.count);
    causes_put(&calls->causes);
    times_put("connect", &calls->connects);
    times_put("rtt", &calls->round_trips);
    output_end_summary(status);
}

static int conclude(const struct load *l)
{
    uint64_t took = clock_now() - l->begin;
    int status = l->calls->messages > 0 && l->calls->causes.count == 0 ? VERB_WELL : VERB_BAD;

    if (l->calls->ran_short)
        status = VERB_UNABLE;

    if (l->progress)
        fputc('\n', stderr);
    if (l->calls->common->json)
        put_summary(l, took, status);
    else
        print_summary(l, took);
    return status;
}

/* ---- the loop ---- */

static bool may_start(const struct load *l)
{
    return l->own->count == 0 || l->calls->started < l->own->count;
}

/* Begins a connection, and says when the one after it may. */
static void start(struct load *l, struct caller *caller, uint64_t now)
{
    caller_start(caller);
    if (l->own->rate == 0)
        return;
    l->next += USEC_PER_SEC / l->own->rate;
    if (l->next + CATCH_UP < now)
        l->next = now - CATCH_UP;
}

/* Lets go who waited too long, and begins what is due. Returns the moment of the next change. */
static uint64_t prepare(struct load *l)
{
    uint64_t now = clock_now(), moment = wait_earlier(l->end, l->tick);

    for (uint64_t i = 0; i < l->own->connections; i++) {
        struct caller *c = &l->callers[i];
        caller_expire(c, now);
        if (!c->busy && may_start(l) && now >= l->next)
            start(l, c, now);
        l->set[i].fd = c->busy ? c->trip.fd : -1;
        l->set[i].events = c->busy ? caller_events(c) : 0;
        if (c->busy)
            moment = wait_earlier(moment, c->due);
        else if (may_start(l))
            moment = wait_earlier(moment, l->next);
    }
    return moment;
}

static bool is_idle(const struct load *l)
{
    for (uint64_t i = 0; i < l->own->connections; i++)
        if (l->callers[i].busy)
            return false;
    return true;
}

static void hear(struct load *l)
{
    enum wish wish = stop_take(l->set[l->own->connections].fd);

    if (wish == WISH_INTERIM)
        tell_progress(l, "", "\n");
    l->over = l->over || wish == WISH_STOP;
}

static void take_turn(struct load *l, uint64_t moment)
{
    int n = poll(l->set, l->own->connections + 1, wait_until(moment));

    for (uint64_t i = 0; n > 0 && i < l->own->connections; i++)
        if (l->set[i].fd >= 0 && l->set[i].revents)
            caller_move(&l->callers[i]);
    if (n > 0 && l->set[l->own->connections].revents)
        hear(l);
    if (clock_now() < l->tick)
        return;
    fflush(stdout);
    if (l->progress)
        tell_progress(l, "\r", " ");
    l->tick += USEC_PER_SEC;
}

static void run(struct load *l)
{
    l->begin = l->next = clock_now();
    l->end = l->own->time ? l->begin + l->own->time : NEVER;
    l->tick = l->begin + USEC_PER_SEC;
    while (!l->over && clock_now() < l->end && output_works()) {
        uint64_t moment = prepare(l);
        if (!may_start(l) && is_idle(l))
            break;
        take_turn(l, moment);
    }
}

/* ---- around it ---- */

static int load_with(struct load *l)
{
    uint64_t count = l->own->connections;
    int status = VERB_UNABLE;

    l->callers = memory_zeroed(count, sizeof(*l->callers));
    l->set = memory_zeroed(count + 1, sizeof(*l->set));
    for (uint64_t i = 0; i < count; i++)
        l->callers[i].calls = l->calls;
    l->set[count] = (struct pollfd){.fd = stop_open(), .events = POLLIN};
    if (l->set[count].fd >= 0) {
        run(l);
        status = conclude(l);
    }
    for (uint64_t i = 0; i < count; i++)
        caller_stop(&l->callers[i]);
    fd_close(&l->set[count].fd);
    free(l->callers);
    free(l->set);
    return status;
}

static int run_load(const struct common *common, const void *options)
{
    struct load_options own = *(const struct load_options *)options;
    struct attempts attempts;
    struct link link;

    if (own.time == 0 && own.count == 0)
        own.time = 10 * USEC_PER_SEC;
    if (room_make(own.connections) < 0)
        return link_give_up(common, VERB_UNABLE);
    if (link_resolve(common, &attempts) < 0)
        return link_give_up(common, VERB_UNABLE);
    int r = link_connect(common, &attempts, -1, &link); /* which address answers, if any */
    attempts_free(&attempts);
    fd_close(&link.fd);
    if (r < 0)
        return link_give_up(common, link_status(r));
    struct load l = {
        .own = &own,
        .calls = memory_zeroed(1, sizeof(*l.calls)),
        .progress = isatty(STDERR_FILENO) && common->verbosity != VERBOSITY_QUIET,
    };
    *l.calls = (struct calls){
        .common = common,
        .peer = link.peer,
        .type = link.type,
        .run = trip_run(),
        .size = (uint32_t)own.size,
        .messages_each = own.messages,
    };
    int status = load_with(&l);
    free(l.calls);
    return status;
}

const struct verb verb_load = {
    .name = "load",
    .summary = "open many connections at a rate; count, and time, what they do",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .probes = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults = &(const struct load_options){.connections = 10, .messages = 1, .size = 56},
    .size = sizeof(struct load_options),
    .misuse = VERB_UNABLE,
    .run = run_load,
    .notes = "One more connection, which is not counted, is made at the beginning, to find the\n"
             "address that answers. On a terminal, progress is told every second.\n"
             "\n"
             "Exit status: 0 there were no errors, 1 there were, or there was no connection,\n"
             "2 it could not be tried.\n",
};
