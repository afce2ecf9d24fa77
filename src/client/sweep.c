#include "client/sweep.h"

#include "base/fd.h"
#include "base/text.h"
#include "client/output.h"
#include "client/stop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

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
    [REFUSED] = {"refused", "it is refused (is the server running?)"},
    [BROKEN] = {"broken", "the connection breaks"},
    [STOPPED] = {"stopped", "stopped"},
};

const char *sweep_name(enum passage passage)
{
    return passages[passage].name;
}

/* Whether PASSAGE is an error that the network may have reported. */
static bool is_reported(const struct sweep *s, enum passage passage)
{
    return s->reported.icmp && (passage == REFUSED || passage == BROKEN || passage == TOO_LARGE);
}

const char *sweep_words(const struct sweep *s, enum passage passage, char *buf)
{
    char from[ADDRESS_TEXT_MAX], words[QUEUED_ERROR_TEXT_MAX];

    if (is_reported(s, passage) && s->reported.mtu > 0)
        snprintf(buf, SWEEP_WORDS_MAX, "too large for the path: %.100s reports an MTU of %" PRIu32,
                 address_host(&s->reported.from, from, sizeof(from)), s->reported.mtu);
    else if (is_reported(s, passage) && passage == REFUSED)
        snprintf(buf, SWEEP_WORDS_MAX, "it is refused, as %.100s reports (is the server running?)",
                 address_host(&s->reported.from, from, sizeof(from)));
    else if (is_reported(s, passage))
        snprintf(buf, SWEEP_WORDS_MAX, "%s", error_queue_words(&s->reported, words));
    else
        snprintf(buf, SWEEP_WORDS_MAX, "%s", passages[passage].told);
    return buf;
}

uint32_t sweep_packet(const struct sweep *s, uint32_t size)
{
    return size + 8 + (s->link.peer.sa.sa_family == AF_INET6 ? 40 : 20);
}

/* A stray is the answer to no probe. */
static void take(void *context, const struct reply *reply)
{
    struct sweep *s = context;

    if (reply->verdict != REPLY_STRAY)
        s->last = *reply;
}

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

void sweep_disconnect(struct sweep *s)
{
    trip_free(&s->trip);
    fd_close(&s->link.fd);
}

int sweep_connect(struct sweep *s)
{
    if (s->link.fd >= 0)
        return 0;
    int r = link_connect(s->common, s->attempts, s->stop, &s->link);
    if (r < 0)
        return r;
    s->trip = (struct trip){
        .fd = s->link.fd,
        .type = s->link.type,
        .run = trip_run(),
        .window = &s->window,
        .take = take,
        .context = s,
    };
    if (!s->common->udp)
        return 0;
    error_queue_enable(s->link.fd);
    return forbid_fragments(s->link.fd, &s->link.peer);
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
    case -ECONNREFUSED:
        return REFUSED;
    case -ECANCELED:
        return STOPPED;
    }
    return BROKEN;
}

/* Takes what the network reported of the error R. Returns R, or what was reported. */
static int take_reported(struct sweep *s, int r)
{
    struct queued_error queued;

    if (s->link.type != SOCK_DGRAM || !trip_take_error(&s->trip, &queued))
        return r;
    s->reported = queued;
    return -queued.error;
}

/* Routers limit how often they report: what they reported once holds. */
static bool exceeds_reported(const struct sweep *s, uint32_t size)
{
    return s->reported.mtu > 0 && s->reported.icmp && sweep_packet(s, size) > s->reported.mtu;
}

static enum passage try_once(struct sweep *s, uint32_t size)
{
    int r = sweep_connect(s);

    s->ran_short = s->ran_short || connect_ran_short(r);
    if (r < 0)
        return r == -ECANCELED ? STOPPED : BROKEN;
    r = trip_ask(&s->trip, size, s->own->wait, s->stop);
    while (r == -ECANCELED && stop_take(s->stop) != WISH_STOP) /* what is known has been told */
        r = trip_ask_on(&s->trip, s->own->wait, s->stop);
    if (r < 0 && r != -ECANCELED)
        r = take_reported(s, r);
    enum passage passage = passage_of(s, r);
    if (passage == LOST && exceeds_reported(s, size))
        passage = TOO_LARGE;
    if (passage != PASSES && s->link.type != SOCK_DGRAM)
        sweep_disconnect(s); /* the rest of that probe may still be on its way */
    return passage;
}

/* Who reported PASSAGE, if anybody did. */
static void put_reported(const struct sweep *s, enum passage passage)
{
    if (!is_reported(s, passage))
        return;
    output_address("reported_by", &s->reported.from);
    if (s->reported.mtu > 0)
        output_count("mtu", s->reported.mtu);
}

static void tell(const struct sweep *s, uint32_t size, enum passage passage)
{
    char time[TIME_TEXT_MAX], words[SWEEP_WORDS_MAX];

    if (s->common->verbosity == VERBOSITY_QUIET || passage == STOPPED)
        return;
    if (s->common->json) {
        output_begin("probe");
        output_count("size", size);
        output_text("verdict", sweep_name(passage));
        if (passage == PASSES)
            output_milliseconds("rtt_ms", s->last.time);
        put_reported(s, passage);
        output_end();
    } else if (passage == PASSES) {
        output_line("%" PRIu32 " byte%s: %s ms", size, plural(size),
                    output_time(s->last.time, time));
    } else {
        output_line("%" PRIu32 " byte%s: %s", size, plural(size), sweep_words(s, passage, words));
    }
}

enum passage sweep_size(struct sweep *s, uint32_t size)
{
    enum passage passage = LOST;

    for (uint64_t n = 0; n < s->own->tries && passage != PASSES && passage != STOPPED &&
                         passage != TOO_LARGE && !s->ran_short;
         n++)
        passage = try_once(s, size);
    tell(s, size, passage);
    return passage;
}
