/*
 * ping: sends when a probe is due, names what comes, gives up what does not.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "client/account.h"
#include "client/common.h"
#include "client/diag.h"
#include "client/error_queue.h"
#include "client/graph.h"
#include "client/link.h"
#include "client/output.h"
#include "client/ping_flows.h"
#include "client/ping_options.h"
#include "client/stop.h"
#include "client/trip.h"
#include "client/verbs.h"
#include "client/wait.h"
#include "client/window.h"

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
     "between probes (0.2, 500ms; 0: upon each reply) [1s]"},
    {"size", 's', &argument_size, AT(size), 0, "BYTES", "of each probe [56]"},
    {"deadline", 'w', &argument_span, AT(deadline), 0, "SPAN", "stop after SPAN in all"},
    {"wait", 'W', &argument_span, AT(wait), 0, "SPAN",
     "before a reply counts as lost (0: for ever) [2s]"},
    {"timestamps", 'D', NULL, AT(timestamps), 1, NULL, "print the time before each line"},
    {"histogram", 0, NULL, AT(histogram), 1, NULL, "print how often which time was measured"},
    {"plot", 0, &argument_text, AT(plot), 0, "FILE",
     "draw time against probe: .svg or .png, by gnuplot"},
    {"flows", 0, &argument_count, AT(flows), 0, "N",
     "from N source ports at once: loss and median of each"},
};

struct ping {
    const struct common *common;
    const struct ping_options *own;
    struct trip trip;
    struct window window;
    struct account *account;
    int stop;
    uint64_t next;     /* when the next probe is due */
    uint64_t deadline; /* when it ends, whatever happens; NEVER */
    bool over;         /* stopped, or at its deadline */
    bool broken;       /* the connection is gone */
};

/* ---- one thing each ---- */

/* Whether there is nothing more to send: with a deadline, only replies are counted, as by ping(8).
 */
static bool is_complete(const struct ping *p)
{
    return p->own->count > 0 && !p->own->deadline && p->account->sent >= p->own->count;
}

/* Whether there is nothing to wait for until the deadline: there were enough, or an error. */
static bool is_decided(const struct ping *p)
{
    return p->account->errors > 0 ||
           (p->own->count > 0 && account_received(p->account) >= p->own->count);
}

/* Gives up the oldest probe that is awaited, without waiting for it; WHY is NULL if its time is
 * over. */
static void give_up(struct ping *p, struct sent *sent, const char *why)
{
    sent->fate = FATE_OVERDUE;
    if (why)
        account_failure(p->account, sent->seq, why);
    else
        account_overdue(p->account, sent->seq, p->own->wait);
}

/* A datagram met the ERROR: who reported it is in the socket's queue, which has to be emptied. */
static void fail_datagram(struct ping *p, int error)
{
    struct sent *sent = window_oldest(&p->window);
    char words[QUEUED_ERROR_TEXT_MAX];
    struct queued_error queued;
    bool known = trip_take_error(&p->trip, &queued);

    if (sent)
        give_up(p, sent, known ? error_queue_words(&queued, words) : strerror(-error));
}

/* A datagram that nobody wanted is an error of one probe; a connection that broke is the end. */
static void fail(struct ping *p, int error)
{
    char peer[ADDRESS_TEXT_MAX];

    if (p->trip.type == SOCK_DGRAM && error < 0) {
        fail_datagram(p, error);
        return;
    }
    p->broken = true;
    trip_conclude(&p->trip);
    address_format(&p->account->peer, peer, sizeof(peer));
    if (error < 0)
        diag_say("the connection to %s broke: %s", peer, strerror(-error));
    else
        diag_say("%s closed the connection", peer);
}

static void receive(struct ping *p)
{
    int r = trip_receive(&p->trip);

    if (r != 0)
        fail(p, r);
}

static void send_probe(struct ping *p)
{
    uint64_t now = clock_now();
    int r = trip_send(&p->trip, (uint32_t)p->own->size);

    p->account->sent++;
    /* A delay is not made up for: no bursts. */
    p->next = p->next + p->own->interval > now ? p->next + p->own->interval : now;
    if (p->own->interval == 0)
        p->next = NEVER; /* until there is a reply */
    if (r < 0 && p->trip.type != SOCK_DGRAM)
        receive(p); /* what was said before it broke, and why it did */
    if (r < 0 && !p->broken)
        fail(p, r);
}

static uint64_t due(const struct ping *p, const struct sent *sent)
{
    return p->own->wait ? sent->time / NSEC_PER_USEC + p->own->wait : NEVER;
}

static void give_up_overdue(struct ping *p)
{
    struct sent *sent;
    uint64_t now = clock_now();

    while ((sent = window_oldest(&p->window)) && due(p, sent) <= now) {
        /* A part of it may be there: more of it may come, or the next reply, as long as we stay. */
        if (is_complete(p))
            trip_conclude(&p->trip);
        if (sent->fate == FATE_AWAITED)
            give_up(p, sent, NULL);
    }
}

static void hear(struct ping *p)
{
    switch (stop_take(p->stop)) {
    case WISH_INTERIM:
        account_interim(p->account);
        break;
    case WISH_STOP:
        p->over = true;
        break;
    case WISH_NONE:
        break;
    }
}

/* ---- the loop ---- */

static bool may_send(const struct ping *p)
{
    return !is_complete(p) && !trip_pending(&p->trip);
}

static uint64_t next_moment(struct ping *p)
{
    struct sent *sent = window_oldest(&p->window);
    uint64_t moment = p->deadline;

    if (p->own->interval == 0 && !sent && p->next == NEVER)
        p->next = 0;
    if (may_send(p))
        moment = clock_earlier(moment, p->next);
    return sent ? clock_earlier(moment, due(p, sent)) : moment;
}

static bool goes_on(struct ping *p)
{
    if (p->over || p->broken || !output_works() || clock_now() >= p->deadline)
        return false;
    if (p->own->deadline)
        return !is_decided(p);
    return !is_complete(p) || window_oldest(&p->window);
}

static void take_turn(struct ping *p)
{
    short events = (short)(POLLIN | (trip_pending(&p->trip) ? POLLOUT : 0));
    struct pollfd set[] = {{.fd = p->trip.fd, .events = events}, {.fd = p->stop, .events = POLLIN}};

    if (poll(set, ARRAY_SIZE(set), clock_timeout(next_moment(p))) < 0)
        return;
    if (set[1].revents)
        hear(p);
    if (set[0].revents & POLLOUT && trip_flush(&p->trip) < 0)
        set[0].revents |= POLLERR;
    if (set[0].revents & (POLLIN | POLLHUP | POLLERR))
        receive(p);
    if (!p->broken)
        give_up_overdue(p);
}

/* Runs until there is nothing to send or to wait for any more; or the deadline, Ctrl-C, the end of
 * the connection. The caller has filled in all but .next, .deadline, .over and .broken. */
static void ping_run(struct ping *p)
{
    p->next = clock_now();
    p->deadline = p->common->deadline;
    while (goes_on(p)) {
        if (may_send(p) && clock_now() >= p->next)
            send_probe(p);
        if (goes_on(p)) /* the last probe may have failed at once */
            take_turn(p);
    }
}

/* ---- the verb ---- */

static void print_begin(const struct ping *p, const struct link *link)
{
    char peer[ADDRESS_TEXT_MAX], time[TIME_TEXT_MAX];

    if (p->common->json)
        return;
    address_format(&link->peer, peer, sizeof(peer));
    if (link->type == SOCK_DGRAM)
        output_line("ECHO %s: %d byte%s in a datagram", peer, (int)p->own->size,
                    plural(p->own->size));
    else
        output_line("ECHO %s: %d byte%s; connected in %s ms", peer, (int)p->own->size,
                    plural(p->own->size), output_time(link->connect_ns, time));
}

/* ping(8): 1 for no reply at all, or too few by the deadline. Damage has no name there. */
static int judge(const struct ping *p)
{
    uint64_t received = account_received(p->account);

    if (received == 0 || p->broken || account_damaged(p->account))
        return VERB_BAD;
    return p->own->deadline && p->own->count && received < p->own->count ? VERB_BAD : VERB_WELL;
}

/* Probes whose replies were still awaited at the end are lost, too. */
static int close_plot(struct ping *p)
{
    const struct plot_text text = {
        .verb = "ping",
        .peer = &p->account->peer,
        .transport = link_transport(p->trip.type, &p->account->peer),
        .size = p->own->size,
        .x_axis = "probe",
        .times = &p->account->round_trips,
    };

    for (uint32_t seq = p->window.oldest; seq != p->window.next; seq++) {
        const struct sent *sent = window_get(&p->window, seq);
        if (sent && sent->fate == FATE_AWAITED)
            plot_add(&p->account->plot, PLOT_LOST, UINT64_C(1000) * seq, 0);
    }
    return plot_close(&p->account->plot, &text);
}

static int conclude(struct ping *p)
{
    int status = judge(p);

    if (p->own->histogram)
        graph_print(&p->account->round_trips, p->common->json);
    if (close_plot(p) < 0)
        status = VERB_UNABLE;
    tcp_facts_add(&p->account->tcp, p->trip.fd);
    account_summary(p->account, status);
    return status;
}

static int ping_over(struct ping *p, const struct link *link)
{
    int status = VERB_UNABLE;

    p->account = account_new(p->common, &link->peer);
    p->account->timestamps = p->own->timestamps;
    p->trip = (struct trip){
        .fd = link->fd,
        .type = link->type,
        .run = trip_run(),
        .window = &p->window,
        .take = account_take,
        .context = p->account,
    };
    if (link->type == SOCK_DGRAM)
        error_queue_enable(link->fd);
    else
        stats_add(&p->account->connects, link->connect_ns);
    if (!p->own->plot || plot_open(&p->account->plot, p->own->plot) == 0) {
        print_begin(p, link);
        ping_run(p);
        status = conclude(p);
    }
    trip_free(&p->trip);
    account_free(p->account);
    return status;
}

static int connect_and_ping(struct ping *p, struct attempts *attempts)
{
    struct link link;

    p->stop = stop_open();
    if (p->stop < 0)
        return link_give_up(p->common, VERB_UNABLE);
    int r = link_connect(p->common, attempts, p->stop, &link);
    if (r < 0)
        return link_give_up(p->common, link_status(r));
    window_init(&p->window, WINDOW);
    int status = ping_over(p, &link);
    window_free(&p->window);
    fd_close(&link.fd);
    return status;
}

static int run_ping(const struct common *common, const void *own)
{
    const struct ping_options *options = own;
    const struct common bounded = common_until(common, options->deadline);
    struct ping p = {.common = &bounded, .own = own, .stop = -1};
    struct attempts attempts;

    if (options->flows > 0)
        return ping_flows(&bounded, options);
    if (link_resolve(&bounded, &attempts) < 0)
        return link_give_up(common, VERB_UNABLE);
    int status = connect_and_ping(&p, &attempts);
    fd_close(&p.stop);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_ping = {
    .name = "ping",
    .summary = "measure round trips over one connection, and name what goes wrong",
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
    .notes = "Ctrl-C prints the summary, Ctrl-\\ how far it is.\n"
             "\n"
             "Exit status: 0 replies came, 1 none came, or too few by the deadline, or one\n"
             "was damaged, or the connection broke, 2 it could not be tried.\n",
};
