#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "client/account.h"
#include "client/graph.h"
#include "client/link.h"
#include "client/output.h"
#include "client/stop.h"
#include "client/trip.h"
#include "client/verbs.h"
#include "client/wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

struct crr_options {
    uint64_t count;    /* 0: until it is stopped */
    uint64_t interval; /* microseconds */
    uint64_t size;
    uint64_t deadline; /* microseconds; 0: none */
    int histogram;
};

#define AT(member) offsetof(struct crr_options, member)

static const struct option_row rows[] = {
    {"count", 'c', &argument_count, AT(count), 0, "N", "stop after N connections"},
    {"interval", 'i', &argument_span, AT(interval), 0, "SPAN",
     "between their beginnings (0.2, 500ms, 0) [1s]"},
    {"size", 's', &argument_size, AT(size), 0, "BYTES", "of each probe [56]"},
    {"deadline", 'w', &argument_span, AT(deadline), 0, "SPAN", "stop after SPAN in all"},
    {"histogram", 0, NULL, AT(histogram), 1, NULL, "print how often which time was measured"},
};

struct crr {
    const struct common *common;
    const struct crr_options *own;
    struct attempts *attempts;
    struct window window;
    struct account *account;
    uint32_t run;
    int stop;
    bool ran_short; /* our own system did */
    bool over;
};

/* Takes what the terminal wishes. Returns whether that is to go on. */
static bool hear(struct crr *c)
{
    enum wish wish = stop_take(c->stop);

    if (wish == WISH_INTERIM)
        account_interim(c->account);
    c->over = c->over || wish == WISH_STOP;
    return !c->over;
}

/* What trip_ask() returned for the probe SEQ: a connection that is closed early is an error. */
static void note(struct crr *c, uint32_t seq, int r)
{
    if (r == -ETIMEDOUT && clock_now() >= c->common->deadline)
        return; /* it was not waited for as long as it would have been */
    if (r == -ETIMEDOUT)
        account_overdue(c->account, seq, c->common->timeout);
    else if (r == -EPIPE)
        account_failure(c->account, seq, "the server closed the connection without a reply");
    else if (r < 0 && r != -ECANCELED)
        account_failure(c->account, seq, strerror(-r));
}

static void ask(struct crr *c, struct link *link)
{
    struct trip trip = {
        .fd = link->fd,
        .type = link->type,
        .run = c->run,
        .window = &c->window,
        .take = account_take,
        .context = c->account,
    };
    uint32_t seq = c->window.next;

    if (trip.type != SOCK_DGRAM)
        stats_add(&c->account->connects, link->connect_ns);
    c->account->peer = link->peer;
    c->account->connect_ns = link->connect_ns;
    c->account->sent++;
    int r = trip_ask(&trip, (uint32_t)c->own->size, common_patience(c->common), c->stop);
    while (r == -ECANCELED && hear(c))
        r = trip_ask_on(&trip, common_patience(c->common), c->stop);
    note(c, seq, r);
    trip_free(&trip);
}

/* There was not even a connection, because of the error R of the last address. */
static void fail(struct crr *c, int r)
{
    struct sent *sent = window_add(&c->window, (uint32_t)c->own->size, clock_nanoseconds());

    sent->fate = FATE_NONE;
    c->ran_short = c->ran_short || connect_ran_short(r);
    c->account->connect_ns = 0;
    c->account->sent++;
    account_failure(c->account, sent->seq, strerror(-r));
}

/* A connection, a probe, an answer, and the end. */
static void take_turn(struct crr *c)
{
    struct link link;
    int r = link_connect(c->common, c->attempts, c->stop, &link);

    if (r == 0)
        ask(c, &link);
    else if (r == -ECANCELED)
        hear(c);
    else
        fail(c, r);
    fd_close(&link.fd);
}

/* With a deadline, replies are counted and not probes, as by ping(8). */
static bool goes_on(const struct crr *c, uint64_t deadline)
{
    uint64_t done = c->own->deadline ? account_received(c->account) : c->account->sent;

    return !c->over && output_works() && clock_now() < deadline &&
           (c->own->count == 0 || done < c->own->count);
}

static void rest(struct crr *c, uint64_t moment)
{
    struct pollfd set = {.fd = c->stop, .events = POLLIN};

    while (!c->over && clock_now() < moment)
        if (poll(&set, 1, clock_timeout(moment)) > 0)
            hear(c);
}

static void run(struct crr *c)
{
    uint64_t next = clock_now(), deadline = c->common->deadline;

    while (goes_on(c, deadline)) {
        next = next + c->own->interval > clock_now() ? next + c->own->interval : clock_now();
        take_turn(c);
        if (goes_on(c, deadline))
            rest(c, clock_earlier(next, deadline));
    }
}

static int conclude(const struct crr *c)
{
    uint64_t received = account_received(c->account);
    bool bad = received == 0 || account_damaged(c->account) || c->account->errors > 0 ||
               (c->own->deadline && received < c->own->count);

    if (c->own->histogram)
        graph_print(&c->account->round_trips, c->common->json);
    int status = c->ran_short ? VERB_UNABLE : bad ? VERB_BAD : VERB_WELL;
    account_summary(c->account, status);
    return status;
}

static int run_crr(const struct common *common, const void *own)
{
    const struct crr_options *options = own;
    const struct common bounded = common_until(common, options->deadline);
    struct attempts attempts;
    struct crr c = {.common = &bounded, .own = own, .attempts = &attempts, .run = trip_run()};

    if (link_resolve(&bounded, &attempts) < 0)
        return link_give_up(common, VERB_UNABLE);
    int status = VERB_UNABLE;
    c.stop = stop_open();
    if (c.stop >= 0) {
        window_init(&c.window, 2);
        c.account = account_new(common, &attempts.list[0].address);
        run(&c);
        status = conclude(&c);
        account_free(c.account);
        window_free(&c.window);
    }
    fd_close(&c.stop);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_crr = {
    .name = "crr",
    .summary = "connect, request, reply, close, again and again: time each",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .probes = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults = &(const struct crr_options){.interval = USEC_PER_SEC, .size = 56},
    .size = sizeof(struct crr_options),
    .misuse = VERB_UNABLE,
    .run = run_crr,
    .notes = "Ctrl-C prints the summary, Ctrl-\\ how far it is. With -u each probe has a socket\n"
             "of its own, and so another port.\n"
             "\n"
             "Exit status: 0 every connection was made, and replies came, 1 one was not, or\n"
             "no reply came, or a damaged one, 2 it could not be tried.\n",
};
