#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/memory.h"
#include "base/text.h"
#include "client/command/connection.h"
#include "client/command/fd_limit.h"
#include "client/io/diag.h"
#include "client/io/interrupts.h"
#include "client/io/output.h"
#include "client/io/wait.h"
#include "client/verbs/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* How much to keep of what a server sends: enough for the line of a refusal. */
#define SAID_MAX 120

struct hold_options {
    uint64_t time; /* microseconds; 0: until it is interrupted */
};

static const struct option_row rows[] = {
    {"for", 0, &argument_span, offsetof(struct hold_options, time), 0, "SPAN",
     "hold them for SPAN [until Ctrl-C]"},
};

struct held {
    uint64_t since; /* microseconds */
    size_t said_len;
    char said[SAID_MAX];
};

struct hold {
    const struct common_options *common;
    const struct hold_options *opts;
    struct attempts *attempts;
    struct common_options
        bounded;    /* for connections after the first one, from which the time counts */
    bool ran_short; /* this system lacks resources */
    struct address peer;
    uint64_t wanted;
    uint64_t opened, refused, closed;
    struct pollfd *set; /* .wanted entries, -1 without a connection; then the signals */
    struct held *held;
    bool over;
};

/* ---- output ---- */

/* Reports EVENT of connection NUMBER, and WHY, with what it has received. */
static void report(const struct hold *h, uint64_t number, const char *event, const char *why,
                   const struct held *held)
{
    char said[ESCAPED_SIZE(SAID_MAX)] = "", time[TIME_TEXT_MAX];
    uint64_t after = held ? (clock_now() - held->since) * NSEC_PER_USEC : 0;

    if (h->common->verbosity == VERBOSITY_QUIET)
        return;
    if (h->common->json) {
        output_begin("connection");
        output_count("number", number);
        output_text("event", event);
        output_text("reason", why);
        output_milliseconds("after_ms", after);
        output_bytes("said", held ? held->said : "", held ? held->said_len : 0);
        output_end();
        return;
    }
    if (held)
        escape_bytes(said, held->said, held->said_len, NULL);
    if (held)
        output_line("connection %" PRIu64 " %s after %s ms: %s%s%s", number, event,
                    output_time(after, time), why, *said ? "; the server sent: " : "", said);
    else
        output_line("connection %" PRIu64 " %s: %s", number, event, why);
}

static void interim(const struct hold *h)
{
    diag_say("%" PRIu64 " of %" PRIu64 " held, %" PRIu64 " refused, %" PRIu64 " closed",
             h->opened - h->closed, h->wanted, h->refused, h->closed);
}

static void take_interrupt(struct hold *h, int fd)
{
    enum interrupt interrupt = interrupts_take(fd);

    if (interrupt == INTERRUPT_INTERIM)
        interim(h);
    h->over = h->over || interrupt == INTERRUPT_STOP;
}

/* ---- one connection ---- */

/* The first connection determines the address that the others use. */
static int connect_next(struct hold *h, int interrupts, struct connection *connection)
{
    if (h->opened > 0)
        return connection_try(&h->bounded, &h->peer, interrupts, connection);
    int r = connection_connect(h->common, h->attempts, interrupts, connection);
    if (r < 0)
        return r;
    h->peer = connection->peer;
    h->bounded = *h->common;
    h->bounded.deadline = h->opts->time ? clock_now() + h->opts->time : NEVER;
    return 0;
}

static void open_one(struct hold *h, uint64_t index)
{
    int interrupts = h->set[h->wanted].fd;
    struct connection connection;
    int r = connect_next(h, interrupts, &connection);

    if (r == 0) {
        h->set[index].fd = connection.fd;
        h->held[index].since = clock_now();
        h->opened++;
    } else if (r == -ECANCELED) {
        take_interrupt(h, interrupts);
    } else {
        h->refused++;
        h->ran_short = h->ran_short || connect_ran_short(r);
        report(h, index + 1, "refused", strerror(-r), NULL);
    }
}

static void lose(struct hold *h, uint64_t index, int error)
{
    const char *why = error ? strerror(-error) : "the server closed it";

    report(h, index + 1, error == -ECONNRESET ? "reset" : "closed", why, &h->held[index]);
    h->closed++;
    fd_close(&h->set[index].fd);
}

/* Receives, and keeps the beginning of what the server sends. */
static void receive(struct hold *h, uint64_t index)
{
    struct held *held = &h->held[index];
    char data[4096];
    ssize_t n = recv(h->set[index].fd, data, sizeof(data), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lose(h, index, n < 0 ? -errno : 0);
        return;
    }
    size_t room = sizeof(held->said) - held->said_len;
    size_t kept = (size_t)n < room ? (size_t)n : room;
    memcpy(held->said + held->said_len, data, kept);
    held->said_len += kept;
}

/* ---- all flows ---- */

/* Handles events until MOMENT, or without waiting if it has passed. */
static void watch(struct hold *h, uint64_t moment)
{
    int n = poll(h->set, h->wanted + 1, clock_timeout(moment));

    for (uint64_t i = 0; n > 0 && i < h->wanted; i++)
        if (h->set[i].fd >= 0 && h->set[i].revents)
            receive(h, i);
    if (n > 0 && h->set[h->wanted].revents)
        take_interrupt(h, h->set[h->wanted].fd);
}

static void run(struct hold *h)
{
    for (uint64_t i = 0; i < h->wanted && !h->over; i++) {
        open_one(h, i);
        if (h->opened == 0) /* no address has accepted the first one; others would fail, too */
            return;
        if (clock_now() >= h->bounded.deadline)
            break;
    }
    uint64_t end = h->opts->time ? clock_now() + h->opts->time : NEVER;
    if (!h->common->json)
        output_line("%" PRIu64 " of %" PRIu64 " opened", h->opened, h->wanted);
    while (!h->over && h->opened > h->closed && output_works() && clock_now() < end)
        watch(h, end);
}

static int conclude(const struct hold *h)
{
    int status = h->ran_short                         ? VERB_UNABLE
                 : h->opened - h->closed == h->wanted ? VERB_WELL
                                                      : VERB_BAD;

    for (uint64_t i = 0; h->common->json && i < h->wanted; i++)
        if (h->set[i].fd >= 0)
            report(h, i + 1, "held", "held to the end", &h->held[i]);
    if (h->common->json) {
        output_begin("summary");
        output_count("wanted", h->wanted);
        output_count("opened", h->opened);
        output_count("refused", h->refused);
        output_count("closed", h->closed);
        output_count("held", h->opened - h->closed);
        output_end_summary(status);
    } else {
        output_line("held %" PRIu64 " of %" PRIu64 " to the end; %" PRIu64 " refused, %" PRIu64
                    " closed",
                    h->opened - h->closed, h->wanted, h->refused, h->closed);
    }
    return status;
}

static int hold_all(struct hold *h)
{
    h->set = memory_zeroed(h->wanted + 1, sizeof(*h->set));
    h->held = memory_zeroed(h->wanted, sizeof(*h->held));
    for (uint64_t i = 0; i <= h->wanted; i++)
        h->set[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    h->set[h->wanted].fd = interrupts_open();
    int status = VERB_UNABLE;
    if (h->set[h->wanted].fd >= 0) {
        run(h);
        status = conclude(h);
    }
    for (uint64_t i = 0; i <= h->wanted; i++)
        fd_close(&h->set[i].fd);
    free(h->set);
    free(h->held);
    return status;
}

static int run_hold(const struct common_options *common, const void *opts)
{
    struct attempts attempts;
    struct hold h = {.common = common, .opts = opts, .attempts = &attempts};

    if (number_parse(common->leading, &h.wanted) < 0 || h.wanted == 0 || h.wanted > 1000000) {
        usage_error("N is not a number from 1 to 1000000", common->leading);
        return VERB_UNABLE;
    }
    if (fd_limit_raise(h.wanted) < 0 || connection_resolve(common, &attempts) < 0)
        return connection_give_up(common, VERB_UNABLE);
    int status = hold_all(&h);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_hold = {
    .name = "hold",
    .summary = "open N connections, hold them, and report which are refused or cut",
    .leading = "N",
    .port = ECHOC_DEFAULT_PORT,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults = &(const struct hold_options){0},
    .size = sizeof(struct hold_options),
    .misuse = VERB_UNABLE,
    .run = run_hold,
    .notes =
        "Nothing is sent. Ctrl-C ends the test, Ctrl-\\ prints how many are held.\n\n"
        "Exit status: 0 all N were held to the end, 1 one was not, 2 the test could not\nbe run.\n",
};
