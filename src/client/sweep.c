#include "client/sweep.h"

#include "base/util.h"
#include "client/output.h"
#include "client/stop.h"

#include <errno.h>
#include <inttypes.h>
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

const char *sweep_words(enum passage passage)
{
    return passages[passage].told;
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
    case -ECONNREFUSED:
        return REFUSED;
    case -ECANCELED:
        return STOPPED;
    }
    return BROKEN;
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
    enum passage passage = passage_of(s, r);
    if (passage != PASSES && s->link.type != SOCK_DGRAM)
        sweep_disconnect(s); /* the rest of that probe may still be on its way */
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
        output_text("verdict", sweep_name(passage));
        if (passage == PASSES)
            output_milliseconds("rtt_ms", s->last.time);
        output_end();
    } else if (passage == PASSES) {
        output_line("%" PRIu32 " byte%s: %s ms", size, plural(size),
                    output_time(s->last.time, time));
    } else {
        output_line("%" PRIu32 " byte%s: %s", size, plural(size), sweep_words(passage));
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
