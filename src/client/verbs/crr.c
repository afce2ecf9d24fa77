#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "client/command/connection.h"
#include "client/io/interrupts.h"
#include "client/io/output.h"
#include "client/io/wait.h"
#include "client/probe/probe_stream.h"
#include "client/results/histogram.h"
#include "client/results/results.h"
#include "client/verbs/verbs.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

struct crr_options {
    uint64_t count;    /* 0: until it is interrupted */
    uint64_t interval; /* microseconds */
    uint64_t size;
    uint64_t deadline; /* microseconds; 0: none */
    int histogram;
};

#define AT(member) offsetof(struct crr_options, member)

static const struct option_row rows[] = {
    {"count", 'c', &argument_count, AT(count), 0, "N", "stop after N connections"},
    {"interval", 'i', &argument_span, AT(interval), 0, "SPAN",
     "wait between their starts (500ms, 0) [1s]"},
    {"size", 's', &argument_size, AT(size), 0, "BYTES", "size of each probe [56]"},
    {"deadline", 'w', &argument_span, AT(deadline), 0, "SPAN", "stop after SPAN in total"},
    {"histogram", 0, NULL, AT(histogram), 1, NULL, "print a histogram of the times"},
};

struct crr {
    const struct common_options *common;
    const struct crr_options *opts;
    struct attempts *attempts;
    struct probe_window window;
    struct results *results;
    uint32_t run;
    int interrupts;
    bool ran_short; /* this system lacks resources */
    bool over;
};

/* Handles a signal from the terminal. Returns whether to continue. */
static bool take_interrupt(struct crr *c)
{
    enum interrupt interrupt = interrupts_take(c->interrupts);

    if (interrupt == INTERRUPT_INTERIM)
        results_interim(c->results);
    c->over = c->over || interrupt == INTERRUPT_STOP;
    return !c->over;
}

/* Records R, the result of probe_stream_ask() for the probe SEQ. A connection that is closed early
 * is an error. */
static void note(struct crr *c, uint32_t seq, int r)
{
    if (r == -ETIMEDOUT && clock_now() >= c->common->deadline)
        return; /* interrupted before its timeout, so it does not count */
    if (r == -ETIMEDOUT)
        results_overdue(c->results, seq, c->common->timeout);
    else if (r == -EPIPE)
        results_failure(c->results, seq, "the server closed the connection without a reply");
    else if (r < 0 && r != -ECANCELED)
        results_failure(c->results, seq, strerror(-r));
}

static void ask(struct crr *c, struct connection *connection)
{
    struct probe_stream stream = {
        .fd = connection->fd,
        .type = connection->type,
        .run = c->run,
        .window = &c->window,
        .take = results_take,
        .context = c->results,
    };
    uint32_t seq = c->window.next;

    if (stream.type != SOCK_DGRAM)
        stats_add(&c->results->connects, connection->connect_ns);
    c->results->peer = connection->peer;
    c->results->connect_ns = connection->connect_ns;
    c->results->sent++;
    int r = probe_stream_ask(&stream, (uint32_t)c->opts->size,
                             common_options_reply_timeout(c->common), c->interrupts);
    while (r == -ECANCELED && take_interrupt(c))
        r = probe_stream_ask_on(&stream, common_options_reply_timeout(c->common), c->interrupts);
    note(c, seq, r);
    probe_stream_free(&stream);
}

/* Reports that there is no connection, with the error R of the last address. */
static void fail(struct crr *c, int r)
{
    struct sent *sent = probe_window_add(&c->window, (uint32_t)c->opts->size, clock_nanoseconds());

    sent->fate = FATE_NONE;
    c->ran_short = c->ran_short || connect_ran_short(r);
    c->results->connect_ns = 0;
    c->results->sent++;
    results_failure(c->results, sent->seq, strerror(-r));
}

/* Connects, sends a probe, receives the answer, and closes the connection. */
static void run_once(struct crr *c)
{
    struct connection connection;
    int r = connection_connect(c->common, c->attempts, c->interrupts, &connection);

    if (r == 0)
        ask(c, &connection);
    else if (r == -ECANCELED)
        take_interrupt(c);
    else
        fail(c, r);
    fd_close(&connection.fd);
}

/* With a deadline, counts replies instead of probes, as ping(8) does. */
static bool goes_on(const struct crr *c, uint64_t deadline)
{
    uint64_t done = c->opts->deadline ? results_received(c->results) : c->results->sent;

    return !c->over && output_works() && clock_now() < deadline &&
           (c->opts->count == 0 || done < c->opts->count);
}

static void rest(struct crr *c, uint64_t moment)
{
    struct pollfd set = {.fd = c->interrupts, .events = POLLIN};

    while (!c->over && clock_now() < moment)
        if (poll(&set, 1, clock_timeout(moment)) > 0)
            take_interrupt(c);
}

static void run(struct crr *c)
{
    uint64_t next = clock_now(), deadline = c->common->deadline;

    while (goes_on(c, deadline)) {
        next = next + c->opts->interval > clock_now() ? next + c->opts->interval : clock_now();
        run_once(c);
        if (goes_on(c, deadline))
            rest(c, clock_earlier(next, deadline));
    }
}

static int conclude(const struct crr *c)
{
    uint64_t received = results_received(c->results);
    bool bad = received == 0 || results_damaged(c->results) || c->results->errors > 0 ||
               (c->opts->deadline && received < c->opts->count);

    if (c->opts->histogram)
        histogram_print(&c->results->round_trips, c->common->json);
    int status = c->ran_short ? VERB_UNABLE : bad ? VERB_BAD : VERB_WELL;
    results_summary(c->results, status);
    return status;
}

static int run_crr(const struct common_options *common, const void *opts)
{
    const struct crr_options *options = opts;
    const struct common_options bounded = common_options_with_deadline(common, options->deadline);
    struct attempts attempts;
    struct crr c = {.common = &bounded, .opts = opts, .attempts = &attempts, .run = probe_run()};

    if (connection_resolve(&bounded, &attempts) < 0)
        return connection_give_up(common, VERB_UNABLE);
    int status = VERB_UNABLE;
    c.interrupts = interrupts_open();
    if (c.interrupts >= 0) {
        probe_window_init(&c.window, 2);
        c.results = results_new(common, &attempts.list[0].address);
        run(&c);
        status = conclude(&c);
        results_free(c.results);
        probe_window_free(&c.window);
    }
    fd_close(&c.interrupts);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_crr = {
    .name = "crr",
    .summary = "time connect, request, reply and close, repeatedly",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .probes = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults = &(const struct crr_options){.interval = USEC_PER_SEC, .size = 56},
    .size = sizeof(struct crr_options),
    .misuse = VERB_UNABLE,
    .run = run_crr,
    .notes = "Ctrl-C prints the summary, Ctrl-\\ the statistics so far. With -u, each probe\n"
             "has its own socket, and so a different port.\n\n"
             "Exit status: 0 all connections succeeded and there were replies, 1 a connection\n"
             "failed, or there was no reply or a damaged one, 2 the test could not be run.\n",
};
