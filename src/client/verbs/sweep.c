/*
 * sweep: finds the largest probe that passes, with probes of growing size.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "client/command/common_options.h"
#include "client/command/connection.h"
#include "client/connect/error_queue.h"
#include "client/io/interrupts.h"
#include "client/io/output.h"
#include "client/probe/probe_stream.h"
#include "client/probe/probe_window.h"
#include "client/verbs/sweep_outcome.h"
#include "client/verbs/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

struct sweep_options {
    uint64_t smallest, largest; /* bytes */
    uint64_t tries;
    uint64_t wait; /* microseconds */
};

struct sweep {
    const struct common_options *common;
    const struct sweep_options *opts;
    struct attempts *attempts;
    struct connection connection; /* .fd is -1 if there is none */
    struct probe_stream stream;
    struct probe_window window;
    struct reply last;            /* without its data */
    struct queued_error reported; /* the last error from the network; .error is 0 if none */
    int interrupts;
    bool ran_short; /* this system lacks resources */
};

#define AT(member) offsetof(struct sweep_options, member)

static const struct option_row rows[] = {
    {"smallest", 0, &argument_size, AT(smallest), 0, "BYTES", "start with BYTES [1]"},
    {"largest", 0, &argument_size, AT(largest), 0, "BYTES", "end with BYTES [65536; UDP: 65507]"},
    {"tries", 0, &argument_count, AT(tries), 0, "N", "try each size N times [3]"},
    {"wait", 'W', &argument_span, AT(wait), 0, "SPAN", "wait for each reply [1s]"},
};

/* ---- one size ---- */

/* Returns the size of the IP packet for a datagram of SIZE bytes. */
static uint32_t sweep_packet(const struct sweep *s, uint32_t size)
{
    return size + 8 + (s->connection.peer.sa.sa_family == AF_INET6 ? 40 : 20);
}

/* Ignores strays, which are not a reply to a probe. */
static void take(void *context, const struct reply *reply)
{
    struct sweep *s = context;

    if (reply->verdict != REPLY_STRAY)
        s->last = *reply;
}

/* Forbids fragments and ignores the known path MTU, so that each size is really sent. */
static int forbid_fragments(int fd, const struct address *peer)
{
    int r;

    if (peer->sa.sa_family == AF_INET6)
        r = setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &(int){IPV6_PMTUDISC_PROBE},
                       sizeof(int));
    else
        r = setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &(int){IP_PMTUDISC_PROBE}, sizeof(int));
    return r < 0 ? -errno : 0;
}

static void sweep_disconnect(struct sweep *s)
{
    probe_stream_free(&s->stream);
    fd_close(&s->connection.fd);
}

/* Connects if there is no connection. Returns 0, or -errno after reporting it. */
static int sweep_connect(struct sweep *s)
{
    if (s->connection.fd >= 0)
        return 0;
    int r = connection_connect(s->common, s->attempts, s->interrupts, &s->connection);
    if (r < 0)
        return r;
    s->stream = (struct probe_stream){
        .fd = s->connection.fd,
        .type = s->connection.type,
        .run = probe_run(),
        .window = &s->window,
        .take = take,
        .context = s,
    };
    if (!s->common->udp)
        return 0;
    error_queue_enable(s->connection.fd);
    return forbid_fragments(s->connection.fd, &s->connection.peer);
}

static enum sweep_outcome outcome_of(const struct sweep *s, int r)
{
    if (r == 0 && s->last.verdict == REPLY_TRUNCATED)
        return TRUNCATED;
    if (r == 0 && s->last.verdict == REPLY_CORRUPTED)
        return CORRUPTED;
    switch (r) {
    case 0:
        return PASSES;
    case -ETIMEDOUT:
        return LOST;
    case -EMSGSIZE:
        return TOO_LARGE;
    case -EPIPE:
        return CLOSED;
    case -ECONNREFUSED:
        return REFUSED;
    case -ECANCELED:
        return STOPPED;
    }
    return BROKEN;
}

/* Reads the error queue after the error R. Returns the reported error, or else R. */
static int take_reported(struct sweep *s, int r)
{
    struct queued_error queued;

    if (s->connection.type != SOCK_DGRAM || !probe_stream_take_error(&s->stream, &queued))
        return r;
    s->reported = queued;
    return -queued.error;
}

/* Whether SIZE exceeds an MTU that was reported before. Routers limit the rate of their reports. */
static bool exceeds_reported(const struct sweep *s, uint32_t size)
{
    return s->reported.mtu > 0 && s->reported.icmp && sweep_packet(s, size) > s->reported.mtu;
}

static enum sweep_outcome try_once(struct sweep *s, uint32_t size)
{
    int r = sweep_connect(s);

    s->ran_short = s->ran_short || connect_ran_short(r);
    if (r < 0)
        return r == -ECANCELED ? STOPPED : BROKEN;
    r = probe_stream_ask(&s->stream, size, s->opts->wait, s->interrupts);
    while (r == -ECANCELED &&
           interrupts_take(s->interrupts) != INTERRUPT_STOP) /* results are printed at once */
        r = probe_stream_ask_on(&s->stream, s->opts->wait, s->interrupts);
    if (r < 0 && r != -ECANCELED)
        r = take_reported(s, r);
    enum sweep_outcome outcome = outcome_of(s, r);
    if (outcome == LOST && exceeds_reported(s, size))
        outcome = TOO_LARGE;
    if (outcome != PASSES && s->connection.type != SOCK_DGRAM)
        sweep_disconnect(s); /* the rest of that probe may still arrive */
    return outcome;
}

/* Prints who has reported OUTCOME, if anybody. */
static void put_reported(const struct sweep *s, enum sweep_outcome outcome)
{
    if (!sweep_outcome_is_reported(outcome, &s->reported))
        return;
    output_address("reported_by", &s->reported.from);
    if (s->reported.mtu > 0)
        output_count("mtu", s->reported.mtu);
}

static void tell(const struct sweep *s, uint32_t size, enum sweep_outcome outcome)
{
    char time[TIME_TEXT_MAX], words[SWEEP_OUTCOME_TEXT_MAX];

    if (s->common->verbosity == VERBOSITY_QUIET || outcome == STOPPED)
        return;
    if (s->common->json) {
        output_begin("probe");
        output_count("size", size);
        output_text("verdict", sweep_outcome_name(outcome));
        if (outcome == PASSES)
            output_milliseconds("rtt_ms", s->last.time);
        put_reported(s, outcome);
        output_end();
    } else if (outcome == PASSES) {
        output_line("%" PRIu32 " byte%s: %s ms", size, plural(size),
                    output_time(s->last.time, time));
    } else {
        output_line("%" PRIu32 " byte%s: %s", size, plural(size),
                    sweep_outcome_text(outcome, &s->reported, words));
    }
}

/* Tries SIZE several times, in case it is lost by chance, and prints the outcome. */
static enum sweep_outcome sweep_size(struct sweep *s, uint32_t size)
{
    enum sweep_outcome outcome = LOST;

    for (uint64_t n = 0; n < s->opts->tries && outcome != PASSES && outcome != STOPPED &&
                         outcome != TOO_LARGE && !s->ran_short;
         n++)
        outcome = try_once(s, size);
    tell(s, size, outcome);
    return outcome;
}

/* ---- all flows ---- */

/* The largest UDP datagram over IPv4. */
#define DATAGRAM_MAX 65507

/* The result: the largest size that passes (0 if none does), and the outcome of a larger one. */
struct limit {
    uint32_t passes;
    uint32_t fails; /* 0: none */
    enum sweep_outcome how;
};

/* Doubles the size until one does not pass. */
static void ascend(struct sweep *s, uint32_t largest, struct limit *limit)
{
    uint32_t size = (uint32_t)s->opts->smallest;

    while (output_works()) {
        enum sweep_outcome outcome = sweep_size(s, size);
        if (outcome != PASSES) {
            limit->fails = size;
            limit->how = outcome;
            return;
        }
        limit->passes = size;
        if (size == largest)
            return;
        size = size > largest / 2 ? largest : 2 * size;
    }
    limit->how = STOPPED;
}

/* Bisects between a size that passes and one that does not. */
static void narrow(struct sweep *s, struct limit *limit)
{
    while (limit->passes > 0 && limit->fails > limit->passes + 1 && limit->how != STOPPED) {
        uint32_t size = limit->passes + (limit->fails - limit->passes) / 2;
        enum sweep_outcome outcome = output_works() ? sweep_size(s, size) : STOPPED;
        if (outcome == PASSES) {
            limit->passes = size;
            continue;
        }
        limit->fails = size;
        limit->how = outcome;
    }
}

/* ---- output ---- */

static void report_limit(const struct sweep *s, const struct limit *limit)
{
    char packet[64] = "", words[SWEEP_OUTCOME_TEXT_MAX];

    if (s->common->udp && limit->passes > 0)
        snprintf(packet, sizeof(packet), " (an IP packet of %" PRIu32 ")",
                 sweep_packet(s, limit->passes));
    if (limit->fails == 0)
        output_line("every size up to %" PRIu32 " bytes%s passes", limit->passes, packet);
    else if (limit->how == STOPPED)
        output_line("stopped: up to %" PRIu32 " bytes%s pass", limit->passes, packet);
    else if (limit->passes == 0)
        output_line("not even %" PRIu32 " byte%s: %s", limit->fails,
                    limit->fails == 1 ? " passes" : "s pass",
                    sweep_outcome_text(limit->how, &s->reported, words));
    else
        output_line("%" PRIu32 " byte%s%s pass%s, %" PRIu32 " do not: %s", limit->passes,
                    plural(limit->passes), packet, limit->passes == 1 ? "es" : "", limit->fails,
                    sweep_outcome_text(limit->how, &s->reported, words));
}

static void put_limit(const struct sweep *s, const struct limit *limit, int status)
{
    output_begin("summary");
    output_count("passes", limit->passes);
    if (s->common->udp && limit->passes > 0)
        output_count("packet", sweep_packet(s, limit->passes));
    if (limit->fails > 0)
        output_count("fails", limit->fails);
    output_text("how", sweep_outcome_name(limit->how));
    output_end_summary(status);
}

/* A limit that this system itself reports is not a fault. */
static int judge(const struct limit *limit)
{
    if (limit->passes == 0 || limit->how == STOPPED)
        return VERB_BAD;
    return limit->fails == 0 || limit->how == TOO_LARGE ? VERB_WELL : VERB_BAD;
}

static int sweep(struct sweep *s)
{
    struct limit limit = {.how = PASSES};
    uint32_t largest = (uint32_t)s->opts->largest;

    if (s->common->udp && largest > DATAGRAM_MAX)
        largest = DATAGRAM_MAX;
    int r = sweep_connect(s);
    if (r < 0)
        return connection_give_up(s->common, connection_status(r));
    ascend(s, largest, &limit);
    narrow(s, &limit);
    int status = s->ran_short ? VERB_UNABLE : judge(&limit);
    if (s->common->json)
        put_limit(s, &limit, status);
    else
        report_limit(s, &limit);
    return status;
}

static int run_sweep(const struct common_options *common, const void *opts)
{
    struct attempts attempts;
    struct sweep s = {
        .common = common, .opts = opts, .attempts = &attempts, .connection = {.fd = -1}};

    if (s.opts->smallest > s.opts->largest) {
        usage_error("--smallest is larger than --largest", NULL);
        return VERB_UNABLE;
    }
    if (connection_resolve(common, &attempts) < 0)
        return connection_give_up(common, VERB_UNABLE);
    int status = VERB_UNABLE;
    s.interrupts = interrupts_open();
    if (s.interrupts >= 0) {
        probe_window_init(&s.window, 2);
        status = sweep(&s);
        probe_window_free(&s.window);
    }
    sweep_disconnect(&s);
    fd_close(&s.interrupts);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_sweep = {
    .name = "sweep",
    .summary = "find the largest size that passes",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .probes = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults =
        &(const struct sweep_options){
            .smallest = 1, .largest = 65536, .tries = 3, .wait = USEC_PER_SEC},
    .size = sizeof(struct sweep_options),
    .misuse = VERB_UNABLE,
    .run = run_sweep,
    .notes = "With -u, packets must not be fragmented on the path (DF is set).\n\n"
             "Exit status: 0 every size passes, or all that the MTU known to our own system\n"
             "allows, 1 a size does not pass, or there was no connection, 2 the test could\n"
             "not be run.\n",
};
