#include "base/span.h"
#include "base/util.h"
#include "client/link.h"
#include "client/output.h"
#include "client/report.h"
#include "client/stop.h"
#include "client/trip.h"
#include "client/verb.h"
#include "client/wait.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define PROBE_SIZE 56

struct idle_options {
    uint64_t shortest, longest; /* microseconds */
};

#define AT(member) offsetof(struct idle_options, member)

static const struct option_row rows[] = {
    {"shortest", 0, &argument_span, AT(shortest), 0, "SPAN", "be idle for SPAN first [1s]"},
    {"longest", 0, &argument_span, AT(longest), 0, "SPAN", "and for SPAN at last [2h]"},
};

struct idle {
    const struct common *common;
    const struct idle_options *own;
    struct trip trip;
    struct window window;
    int stop;
    uint64_t since;   /* when the last byte went or came, microseconds */
    uint64_t alive;   /* the longest silence that it survived */
    const char *how;  /* it was cut; NULL: it was not */
    const char *told; /* the same in words */
    bool over;        /* Ctrl-C */
};

/* Takes no notice of what a server says besides the echo. */
static void take(void *context, const struct reply *reply)
{
    (void)context;
    (void)reply;
}

/* ---- what happens ---- */

static void cut(struct idle *i, const char *how, const char *told)
{
    i->how = how;
    i->told = told;
}

/* The result of trip_receive() or trip_ask(), in which there is nothing to be taken back. */
static void cut_by(struct idle *i, int r)
{
    if (r == 1 || r == -EPIPE)
        cut(i, "fin", "the server, or something before it, closed the connection (FIN)");
    else if (r == -ECONNRESET)
        cut(i, "reset", "the connection was reset (RST)");
    else if (r == -ETIMEDOUT)
        cut(i, "silence", "nothing comes back any more");
    else
        cut(i, "error", strerror(-r));
}

static void hear(struct idle *i)
{
    char span[SPAN_TEXT_MAX];

    switch (stop_take(i->stop)) {
    case WISH_INTERIM:
        report_say("alive after %s of silence", span_format(i->alive, span, sizeof(span)));
        break;
    case WISH_STOP:
        i->over = true;
        break;
    case WISH_NONE:
        break;
    }
}

/* Does nothing for SPAN microseconds; returns early if something happens. */
static void be_idle(struct idle *i, uint64_t span)
{
    struct pollfd set[] = {{.fd = i->trip.fd, .events = POLLIN}, {.fd = i->stop, .events = POLLIN}};

    while (!i->how && !i->over && clock_now() < i->since + span) {
        if (poll(set, ARRAY_SIZE(set), wait_until(i->since + span)) <= 0)
            continue;
        if (set[1].revents)
            hear(i);
        if (!set[0].revents)
            continue;
        int r = trip_receive(&i->trip);
        if (r != 0)
            cut_by(i, r);
        else
            i->since = clock_now(); /* it spoke: the silence begins anew */
    }
}

/* Whether an echo comes back; if not, that is how it was cut. */
static bool is_alive(struct idle *i)
{
    int r = trip_ask(&i->trip, PROBE_SIZE, i->common->timeout, i->stop);

    if (r == -ECANCELED) {
        hear(i);
        i->over = true;
    } else if (r < 0) {
        cut_by(i, r);
    }
    return r == 0;
}

/* ---- telling ---- */

static void tell_alive(const struct idle *i)
{
    char span[SPAN_TEXT_MAX];

    if (i->common->verbosity == VERBOSITY_QUIET)
        return;
    if (!i->common->json) {
        output_line("idle for %s: alive", span_format(i->alive, span, sizeof(span)));
        return;
    }
    output_begin("probe");
    output_milliseconds("idle_ms", i->alive * NSEC_PER_USEC);
    output_text("verdict", "alive");
    output_end();
}

/* SILENT: how long it had been so when it was noticed. */
static void tell_end(const struct idle *i, uint64_t silent, int status)
{
    char alive[SPAN_TEXT_MAX], end[TIME_TEXT_MAX];

    span_format(i->alive, alive, sizeof(alive));
    if (i->common->json) {
        output_begin("summary");
        output_milliseconds("alive_ms", i->alive * NSEC_PER_USEC);
        if (i->how)
            output_milliseconds("cut_ms", silent * NSEC_PER_USEC);
        output_text("how", i->how ? i->how : "none");
        output_end_summary(status);
    } else if (i->how) {
        output_line("alive after %s of silence, cut at %s ms: %s", alive,
                    output_time(silent * NSEC_PER_USEC, end), i->told);
    } else {
        output_line("alive after %s of silence", alive);
    }
}

/* ---- the search ---- */

/* Twice as long each time. Returns the length of the silence in which it was cut. */
static uint64_t search(struct idle *i)
{
    uint64_t span = i->own->shortest;

    for (;;) {
        i->since = clock_now();
        be_idle(i, span);
        uint64_t silent = clock_now() - i->since;
        if (i->how || i->over || !output_works() || !is_alive(i))
            return silent;
        i->alive = span;
        tell_alive(i);
        if (span >= i->own->longest)
            return silent;
        span = wait_earlier(2 * span, i->own->longest);
    }
}

static int search_over(struct idle *i, const struct link *link)
{
    i->trip = (struct trip){
        .fd = link->fd,
        .type = link->type,
        .run = trip_run(),
        .window = &i->window,
        .take = take,
    };
    if (!is_alive(i)) {
        if (i->how)
            report_say("this needs an echo service, and no echo came: %s", i->told);
        return link_give_up(i->common, VERB_BAD);
    }
    uint64_t silent = search(i);
    int status = i->how ? VERB_BAD : VERB_WELL;
    tell_end(i, silent, status);
    return output_works() ? status : VERB_UNABLE;
}

static int connect_and_search(struct idle *i, struct attempts *attempts)
{
    struct link link;

    i->stop = stop_open();
    if (i->stop < 0)
        return link_give_up(i->common, VERB_UNABLE);
    if (link_connect(i->common, attempts, i->stop, &link) < 0)
        return link_give_up(i->common, VERB_BAD);
    window_init(&i->window, 2);
    int status = search_over(i, &link);
    trip_free(&i->trip);
    window_free(&i->window);
    fd_close(&link.fd);
    return status;
}

static int run_idle(const struct common *common, const void *own)
{
    struct idle i = {.common = common, .own = own, .stop = -1};
    struct attempts attempts;

    if (i.own->shortest == 0 || i.own->shortest > i.own->longest) {
        common_wrong("--shortest has to be more than 0, and --longest at least as much", NULL);
        return VERB_UNABLE;
    }
    if (link_resolve(common, &attempts) < 0)
        return link_give_up(common, VERB_UNABLE);
    int status = connect_and_search(&i, &attempts);
    fd_close(&i.stop);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_idle = {
    .name = "idle",
    .summary = "find after how long an idle connection is cut, and how",
    .port = ECHOC_DEFAULT_PORT,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults =
        &(const struct idle_options){.shortest = USEC_PER_SEC, .longest = 7200 * USEC_PER_SEC},
    .size = sizeof(struct idle_options),
    .misuse = VERB_UNABLE,
    .run = run_idle,
    .notes = "Each silence is twice as long as the one before; between them there is an echo.\n"
             "FIN and RST are noticed at once, silence (a firewall forgot) by the next echo.\n"
             "\n"
             "Exit status: 0 it was never cut, 1 it was, or there was no connection or no\n"
             "echo, 2 it could not be tried.\n",
};
