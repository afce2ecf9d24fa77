#include "base/span.h"
#include "base/util.h"
#include "client/link.h"
#include "client/output.h"
#include "client/report.h"
#include "client/stop.h"
#include "client/trip.h"
#include "client/verb.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

struct sweep_options {
    uint64_t smallest, largest; /* bytes */
    uint64_t tries;
    uint64_t wait; /* microseconds */
};

#define AT(member) offsetof(struct sweep_options, member)

static const struct option_row rows[] = {
    {"smallest", 0, &argument_size, AT(smallest), 0, "BYTES", "begin with BYTES [1]"},
    {"largest", 0, &argument_size, AT(largest), 0, "BYTES", "end with BYTES [65536; UDP: 65507]"},
    {"tries", 0, &argument_count, AT(tries), 0, "N", "give a size up after N tries [3]"},
    {"wait", 'W', &argument_span, AT(wait), 0, "SPAN", "for each reply [1s]"},
};

/* More does not fit into a datagram of IPv4. */
#define DATAGRAM_MAX 65507

enum passage { PASSES, LOST, TRUNCATED, CORRUPTED, TOO_LARGE, CLOSED, BROKEN, STOPPED };

static const struct {
    const char *name, *told;
} passages[] = {
    [PASSES] = {"passes", "passes"},
    [LOST] = {"lost",
              "no reply: something on the way drops it without a word (an MTU black hole?)"},
    [TRUNCATED] = {"truncated", "only a part of it comes back"},
    [CORRUPTED] = {"corrupted", "it comes back corrupted"},
    [TOO_LARGE] = {"too_large", "our own system refuses it: larger than the MTU that it knows"},
    [CLOSED] = {"closed", "the server closes the connection"},
    [BROKEN] = {"broken", "the connection breaks"},
    [STOPPED] = {"stopped", "stopped"},
};

struct sweep {
    const struct common *common;
    const struct sweep_options *own;
    struct attempts *attempts;
    struct link link; /* .fd -1: to be made anew */
    struct trip trip;
    struct window window;
    struct reply last; /* without its data */
    int stop;
};

/* The other verdicts are on what came for another probe. */
static void take(void *context, const struct reply *reply)
{
    struct sweep *s = context;

    if (reply->verdict != REPLY_STRAY)
        s->last = *reply;
}

/* ---- one size ---- */

/* Neither fragments nor the path's MTU as it is known: each size is tried in earnest. */
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

static void disconnect(struct sweep *s)
{
    trip_free(&s->trip);
    fd_close(&s->link.fd);
}

/* Makes a connection if there is none. Returns 0 or -errno, reported. */
static int connect_if_needed(struct sweep *s)
{
    if (s->link.fd >= 0)
        return 0;
    int r = link_connect(s->common, s->attempts, s->stop, &s->link);
    if (r < 0)
        return r;
    s->trip = (struct trip){
        .fd = s->link.fd,
        .stream = !s->common->udp,
        .run = trip_run(),
        .window = &s->window,
        .take = take,
        .context = s,
    };
    return s->common->udp ? forbid_fragments(s->link.fd, &s->link.peer) : 0;
}

static enum passage passage_of(const struct sweep *s, int r)
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
    case -ECANCELED:
        return STOPPED;
    }
    return BROKEN;
}

static enum passage try_once(struct sweep *s, uint32_t size)
{
    int r = connect_if_needed(s);

    if (r < 0)
        return r == -ECANCELED ? STOPPED : BROKEN;
    r = trip_ask(&s->trip, size, s->own->wait, s->stop);
    if (r == -ECANCELED && stop_take(s->stop) != WISH_STOP)
        r = -ETIMEDOUT; /* Ctrl-\: what is known has been told; this try is lost */
    enum passage passage = passage_of(s, r);
    if (passage != PASSES && !s->common->udp)
        disconnect(s); /* the rest of that probe may still be on its way */
    return passage;
}

static void tell(const struct sweep *s, uint32_t size, enum passage passage)
{
    char time[TIME_TEXT_MAX];

    if (s->common->verbosity == VERBOSITY_QUIET || passage == STOPPED)
        return;
    if (s->common->json) {
        output_begin("probe");
        output_count("size", size);
        output_text("verdict", passages[passage].name);
        if (passage == PASSES)
            output_milliseconds("rtt_ms", s->last.time);
        output_end();
    } else if (passage == PASSES) {
        output_line("%" PRIu32 " bytes: %s ms", size, output_time(s->last.time, time));
    } else {
        output_line("%" PRIu32 " bytes: %s", size, passages[passage].told);
    }
}

/* What becomes of SIZE, which may be lost by chance some times. */
static enum passage try_size(struct sweep *s, uint32_t size)
{
    enum passage passage = LOST;

    for (uint64_t n = 0;
         n < s->own->tries && passage != PASSES && passage != STOPPED && passage != TOO_LARGE; n++)
        passage = try_once(s, size);
    tell(s, size, passage);
    return passage;
}

/* ---- the search ---- */

/* What was found: the largest size that passes (0: none does), and the next one's fate. */
struct limit {
    uint32_t passes;
    uint32_t fails; /* 0: nothing does */
    enum passage how;
};

/* Twice as large each time, until something does not pass. */
static void ascend(struct sweep *s, uint32_t largest, struct limit *limit)
{
    uint32_t size = (uint32_t)s->own->smallest;

    while (output_works()) {
        enum passage passage = try_size(s, size);
        if (passage != PASSES) {
            limit->fails = size;
            limit->how = passage;
            return;
        }
        limit->passes = size;
        if (size == largest)
            return;
        size = size > largest / 2 ? largest : 2 * size;
    }
    limit->how = STOPPED;
}

/* Halves what is between a size that passes and one that does not. */
static void narrow(struct sweep *s, struct limit *limit)
{
    while (limit->passes > 0 && limit->fails > limit->passes + 1 && limit->how != STOPPED) {
        uint32_t size = limit->passes + (limit->fails - limit->passes) / 2;
        enum passage passage = output_works() ? try_size(s, size) : STOPPED;
        if (passage == PASSES) {
            limit->passes = size;
            continue;
        }
        limit->fails = size;
        limit->how = passage;
    }
}

/* ---- telling ---- */

/* The IP packet that a datagram of SIZE bytes makes. */
static uint32_t packet_of(const struct sweep *s, uint32_t size)
{
    return size + 8 + (s->link.peer.sa.sa_family == AF_INET6 ? 40 : 20);
}

static void tell_limit(const struct sweep *s, const struct limit *limit)
{
    char packet[64] = "";

    if (s->common->udp && limit->passes > 0)
        snprintf(packet, sizeof(packet), " (an IP packet of %" PRIu32 ")",
                 packet_of(s, limit->passes));
    if (limit->fails == 0)
        output_line("every size up to %" PRIu32 " bytes%s passes", limit->passes, packet);
    else if (limit->how == STOPPED)
        output_line("stopped: up to %" PRIu32 " bytes%s pass", limit->passes, packet);
    else if (limit->passes == 0)
        output_line("not even %" PRIu32 " bytes pass: %s", limit->fails, passages[limit->how].told);
    else
        output_line("%" PRIu32 " bytes%s pass, %" PRIu32 " do not: %s", limit->passes, packet,
                    limit->fails, passages[limit->how].told);
}

static void put_limit(const struct sweep *s, const struct limit *limit, int status)
{
    output_begin("summary");
    output_count("passes", limit->passes);
    if (s->common->udp && limit->passes > 0)
        output_count("packet", packet_of(s, limit->passes));
    if (limit->fails > 0)
        output_count("fails", limit->fails);
    output_text("how", passages[limit->how].name);
    output_count("status", (uint64_t)status);
    output_end();
}

/* That our own system knows the MTU, and says so, is as it should be. */
static int judge(const struct limit *limit)
{
    if (limit->passes == 0 || limit->how == STOPPED)
        return VERB_BAD;
    return limit->fails == 0 || limit->how == TOO_LARGE ? VERB_WELL : VERB_BAD;
}

static int sweep(struct sweep *s)
{
    struct limit limit = {.how = PASSES};
    uint32_t largest = (uint32_t)s->own->largest;

    if (s->common->udp && largest > DATAGRAM_MAX)
        largest = DATAGRAM_MAX;
    if (connect_if_needed(s) < 0)
        return VERB_BAD;
    ascend(s, largest, &limit);
    narrow(s, &limit);
    int status = judge(&limit);
    if (s->common->json)
        put_limit(s, &limit, status);
    else
        tell_limit(s, &limit);
    return output_works() ? status : VERB_UNABLE;
}

static int run_sweep(const struct common *common, const void *own)
{
    struct attempts attempts;
    struct sweep s = {.common = common, .own = own, .attempts = &attempts, .link = {.fd = -1}};

    if (s.own->smallest > s.own->largest) {
        common_wrong("--smallest is larger than --largest", NULL);
        return VERB_UNABLE;
    }
    if (link_resolve(common, &attempts) < 0)
        return VERB_UNABLE;
    int status = VERB_UNABLE;
    s.stop = stop_open();
    if (s.stop >= 0) {
        window_init(&s.window, 2);
        status = sweep(&s);
        window_free(&s.window);
    }
    disconnect(&s);
    fd_close(&s.stop);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_sweep = {
    .name = "sweep",
    .summary = "find the size from which on the path lets nothing pass",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults =
        &(const struct sweep_options){
            .smallest = 1, .largest = 65536, .tries = 3, .wait = USEC_PER_SEC},
    .size = sizeof(struct sweep_options),
    .misuse = VERB_UNABLE,
    .run = run_sweep,
    .notes = "With -u no packet may be fragmented on its way (DF is set).\n"
             "\n"
             "Exit status: 0 every size passes, or all that the MTU known to our own system\n"
             "allows, 1 a size does not, or there was no connection, 2 it could not be tried.\n",
};
