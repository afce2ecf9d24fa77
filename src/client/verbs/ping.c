/*
 * ping: sends a probe when it is due, reports replies, and gives up probes without one.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "client/command/common_options.h"
#include "client/command/connection.h"
#include "client/connect/error_queue.h"
#include "client/io/diag.h"
#include "client/io/interrupts.h"
#include "client/io/output.h"
#include "client/io/wait.h"
#include "client/probe/probe_stream.h"
#include "client/probe/probe_window.h"
#include "client/results/histogram.h"
#include "client/results/results.h"
#include "client/verbs/ping_flows.h"
#include "client/verbs/ping_options.h"
#include "client/verbs/verbs.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WINDOW 16384

#define AT(member) offsetof(struct ping_options, member)

static const struct option_row rows[] = {
    {"count", 'c', &argument_count, AT(count), 0, "N", "stop after N probes"},
    {"interval", 'i', &argument_span, AT(interval), 0, "SPAN",
     "wait between probes (500ms; 0: only for replies) [1s]"},
    {"size", 's', &argument_size, AT(size), 0, "BYTES", "size of each probe [56]"},
    {"deadline", 'w', &argument_span, AT(deadline), 0, "SPAN", "stop after SPAN in total"},
    {"wait", 'W', &argument_span, AT(wait), 0, "SPAN", "wait for each reply (0: for ever) [2s]"},
    {"timestamps", 'D', NULL, AT(timestamps), 1, NULL, "print the time before each line"},
    {"histogram", 0, NULL, AT(histogram), 1, NULL, "print a histogram of the times"},
    {"plot", 0, &argument_text, AT(plot), 0, "FILE",
     "plot the time of each probe: .svg or .png (gnuplot)"},
    {"flows", 0, &argument_count, AT(flows), 0, "N",
     "use N source ports at once; loss and median of each"},
};

struct ping {
    const struct common_options *common;
    const struct ping_options *opts;
    struct probe_stream stream;
    struct probe_window window;
    struct results *results;
    int interrupts;
    uint64_t next;     /* when the next probe is due */
    uint64_t deadline; /* when the run ends in any case; or NEVER */
    bool over;         /* interrupted, or the deadline has passed */
    bool broken;       /* the connection has ended */
};

/* ---- steps ---- */

/* Whether there is nothing more to send. With a deadline, only replies count, as for ping(8). */
static bool is_complete(const struct ping *p)
{
    return p->opts->count > 0 && !p->opts->deadline && p->results->sent >= p->opts->count;
}

/* Whether waiting for the deadline is pointless: there were enough replies, or an error. */
static bool is_decided(const struct ping *p)
{
    return p->results->errors > 0 ||
           (p->opts->count > 0 && results_received(p->results) >= p->opts->count);
}

/* Gives up the oldest probe that has no reply. WHY is NULL if it has timed out. */
static void give_up(struct ping *p, struct sent *sent, const char *why)
{
    sent->fate = FATE_OVERDUE;
    if (why)
        results_failure(p->results, sent->seq, why);
    else
        results_overdue(p->results, sent->seq, p->opts->wait);
}

/* A datagram failed with ERROR. Empties the error queue, which has the address that reported it. */
static void fail_datagram(struct ping *p, int error)
{
    struct sent *sent = probe_window_oldest(&p->window);
    char words[QUEUED_ERROR_TEXT_MAX];
    struct queued_error queued;
    bool known = probe_stream_take_error(&p->stream, &queued);

    if (sent)
        give_up(p, sent, known ? error_queue_describe(&queued, words) : strerror(-error));
}

/* Handles ERROR. It concerns one probe if it is a datagram, but ends a connection. */
static void fail(struct ping *p, int error)
{
    char peer[ADDRESS_TEXT_MAX];

    if (p->stream.type == SOCK_DGRAM && error < 0) {
        fail_datagram(p, error);
        return;
    }
    p->broken = true;
    probe_stream_conclude(&p->stream);
    address_format(&p->results->peer, peer, sizeof(peer));
    if (error < 0)
        diag_say("the connection to %s broke: %s", peer, strerror(-error));
    else
        diag_say("%s closed the connection", peer);
}

static void receive(struct ping *p)
{
    int r = probe_stream_receive(&p->stream);

    if (r != 0)
        fail(p, r);
}

static void send_probe(struct ping *p)
{
    uint64_t now = clock_now();
    int r = probe_stream_send(&p->stream, (uint32_t)p->opts->size);

    p->results->sent++;
    /* After a delay, continues at the interval, without a burst. */
    p->next = p->next + p->opts->interval > now ? p->next + p->opts->interval : now;
    if (p->opts->interval == 0)
        p->next = NEVER; /* until the reply arrives */
    if (r < 0 && p->stream.type != SOCK_DGRAM)
        receive(p); /* what arrived before the end, and the reason for it */
    if (r < 0 && !p->broken)
        fail(p, r);
}

static uint64_t due(const struct ping *p, const struct sent *sent)
{
    return p->opts->wait ? sent->time / NSEC_PER_USEC + p->opts->wait : NEVER;
}

static void give_up_overdue(struct ping *p)
{
    struct sent *sent;
    uint64_t now = clock_now();

    while ((sent = probe_window_oldest(&p->window)) && due(p, sent) <= now) {
        /* A part of the reply may have arrived. If the run continues, more may follow. */
        if (is_complete(p))
            probe_stream_conclude(&p->stream);
        if (sent->fate == FATE_AWAITED)
            give_up(p, sent, NULL);
    }
}

static void take_interrupt(struct ping *p)
{
    switch (interrupts_take(p->interrupts)) {
    case INTERRUPT_INTERIM:
        results_interim(p->results);
        break;
    case INTERRUPT_STOP:
        p->over = true;
        break;
    case INTERRUPT_NONE:
        break;
    }
}

/* ---- the loop ---- */

static bool may_send(const struct ping *p)
{
    return !is_complete(p) && !probe_stream_pending(&p->stream);
}

static uint64_t next_moment(struct ping *p)
{
    struct sent *sent = probe_window_oldest(&p->window);
    uint64_t moment = p->deadline;

    if (p->opts->interval == 0 && !sent && p->next == NEVER)
        p->next = 0;
    if (may_send(p))
        moment = clock_earlier(moment, p->next);
    return sent ? clock_earlier(moment, due(p, sent)) : moment;
}

static bool goes_on(struct ping *p)
{
    if (p->over || p->broken || !output_works() || clock_now() >= p->deadline)
        return false;
    if (p->opts->deadline)
        return !is_decided(p);
    return !is_complete(p) || probe_window_oldest(&p->window);
}

static void run_once(struct ping *p)
{
    short events = (short)(POLLIN | (probe_stream_pending(&p->stream) ? POLLOUT : 0));
    struct pollfd set[] = {{.fd = p->stream.fd, .events = events},
                           {.fd = p->interrupts, .events = POLLIN}};

    if (poll(set, ARRAY_SIZE(set), clock_timeout(next_moment(p))) < 0)
        return;
    if (set[1].revents)
        take_interrupt(p);
    if (set[0].revents & POLLOUT && probe_stream_flush(&p->stream) < 0)
        set[0].revents |= POLLERR;
    if (set[0].revents & (POLLIN | POLLHUP | POLLERR))
        receive(p);
    if (!p->broken)
        give_up_overdue(p);
}

/* Runs until there is nothing more to send or to wait for, or until the deadline, Ctrl-C or the end
 * of the connection. The caller has set all members except .next, .deadline, .over and .broken. */
static void ping_run(struct ping *p)
{
    p->next = clock_now();
    p->deadline = p->common->deadline;
    while (goes_on(p)) {
        if (may_send(p) && clock_now() >= p->next)
            send_probe(p);
        if (goes_on(p)) /* unless the last probe has failed at once */
            run_once(p);
    }
}

/* ---- the verb ---- */

static void print_begin(const struct ping *p, const struct connection *connection)
{
    char peer[ADDRESS_TEXT_MAX], time[TIME_TEXT_MAX];

    if (p->common->json)
        return;
    address_format(&connection->peer, peer, sizeof(peer));
    if (connection->type == SOCK_DGRAM)
        output_line("ECHO %s: %d byte%s in a datagram", peer, (int)p->opts->size,
                    plural(p->opts->size));
    else
        output_line("ECHO %s: %d byte%s; connected in %s ms", peer, (int)p->opts->size,
                    plural(p->opts->size), output_time(connection->connect_ns, time));
}

/* Returns the exit status of ping(8), 1 for no reply or for too few by the deadline; and another
 * one for damaged replies, which ping(8) does not have. */
static int judge(const struct ping *p)
{
    uint64_t received = results_received(p->results);

    if (received == 0 || p->broken || results_damaged(p->results))
        return VERB_BAD;
    return p->opts->deadline && p->opts->count && received < p->opts->count ? VERB_BAD : VERB_WELL;
}

/* Also draws the probes that had no reply at the end, as lost. */
static int close_plot(struct ping *p)
{
    const struct plot_text text = {
        .verb = "ping",
        .peer = &p->results->peer,
        .transport = connection_transport(p->stream.type, &p->results->peer),
        .size = p->opts->size,
        .x_axis = "probe",
        .times = &p->results->round_trips,
    };

    for (uint32_t seq = p->window.oldest; seq != p->window.next; seq++) {
        const struct sent *sent = probe_window_get(&p->window, seq);
        if (sent && sent->fate == FATE_AWAITED)
            plot_add(&p->results->plot, PLOT_LOST, UINT64_C(1000) * seq, 0);
    }
    return plot_close(&p->results->plot, &text);
}

static int conclude(struct ping *p)
{
    int status = judge(p);

    if (p->opts->histogram)
        histogram_print(&p->results->round_trips, p->common->json);
    if (close_plot(p) < 0)
        status = VERB_UNABLE;
    tcp_facts_add(&p->results->tcp, p->stream.fd);
    results_summary(p->results, status);
    return status;
}

static int ping_over(struct ping *p, const struct connection *connection)
{
    int status = VERB_UNABLE;

    p->results = results_new(p->common, &connection->peer);
    p->results->timestamps = p->opts->timestamps;
    p->stream = (struct probe_stream){
        .fd = connection->fd,
        .type = connection->type,
        .run = probe_run(),
        .window = &p->window,
        .take = results_take,
        .context = p->results,
    };
    if (connection->type == SOCK_DGRAM)
        error_queue_enable(connection->fd);
    else
        stats_add(&p->results->connects, connection->connect_ns);
    if (!p->opts->plot || plot_open(&p->results->plot, p->opts->plot) == 0) {
        print_begin(p, connection);
        ping_run(p);
        status = conclude(p);
    }
    probe_stream_free(&p->stream);
    results_free(p->results);
    return status;
}

static int connect_and_ping(struct ping *p, struct attempts *attempts)
{
    struct connection connection;

    p->interrupts = interrupts_open();
    if (p->interrupts < 0)
        return connection_give_up(p->common, VERB_UNABLE);
    int r = connection_connect(p->common, attempts, p->interrupts, &connection);
    if (r < 0)
        return connection_give_up(p->common, connection_status(r));
    probe_window_init(&p->window, WINDOW);
    int status = ping_over(p, &connection);
    probe_window_free(&p->window);
    fd_close(&connection.fd);
    return status;
}

static int run_ping(const struct common_options *common, const void *opts)
{
    const struct ping_options *options = opts;
    const struct common_options bounded = common_options_with_deadline(common, options->deadline);
    struct ping p = {.common = &bounded, .opts = opts, .interrupts = -1};
    struct attempts attempts;

    if (options->flows > 0)
        return ping_flows(&bounded, options);
    if (connection_resolve(&bounded, &attempts) < 0)
        return connection_give_up(common, VERB_UNABLE);
    int status = connect_and_ping(&p, &attempts);
    fd_close(&p.interrupts);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_ping = {
    .name = "ping",
    .summary = "measure round trips over one connection, and report faults",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .probes = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults =
        &(const struct ping_options){
            .interval = USEC_PER_SEC,
            .size = 56,
            .wait = 2 * USEC_PER_SEC,
        },
    .size = sizeof(struct ping_options),
    .misuse = VERB_UNABLE,
    .run = run_ping,
    .notes = "Ctrl-C prints the summary, Ctrl-\\ the statistics so far.\n\n"
             "Exit status: 0 there were replies, 1 there were none, or too few by the\n"
             "deadline, or one was damaged, or the connection broke, 2 the test could not be\n"
             "run.\n",
};
