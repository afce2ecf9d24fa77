#include "client/path/try_udp.h"

#include "base/clock.h"
#include "base/macros.h"
#include "client/flows/datagram_probe.h"
#include "client/flows/flows.h"
#include "client/io/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

/* A size that every path forwards. */
#define SMALL 64

/* The largest UDP datagram over IPv4. */
#define LARGEST 65507

/* Enough copies that they are not all lost by chance. */
#define COPIES 3
#define CERTAIN 5

/* How many source ports to try, and the time between probes. */
#define PORTS 8
#define PAUSE (20 * USEC_PER_MSEC)

/* How many routers to probe, from the first one on, and how often. */
#define ROUTERS 8
#define ASKED 3

/* Returns the size of the IP and UDP headers. */
static uint32_t headers(const struct address *a)
{
    return a->sa.sa_family == AF_INET6 ? 48 : 28;
}

/* ---- finding the service ---- */

static void report_missing(struct path *p, const struct address *address, bool named,
                           const char *reason)
{
    char text[ADDRESS_TEXT_MAX];

    address_format(address, text, sizeof(text));
    if (named)
        findings_add(&p->findings, "udp", "no datagrams come back from %s: %s", text, reason);
    else
        findings_note(&p->findings, "udp",
                      "datagrams were not tried: no UDP echo service on %s (--udp-port): %s", text,
                      reason);
}

/* Tries several source ports, because one of several parallel paths may be dead. */
void path_find_udp(struct path *p, const struct address *address, bool named)
{
    const struct flows_plan plan = {.count = PORTS,
                                    .probes = COPIES,
                                    .burst = 1,
                                    .interval = PAUSE,
                                    .wait = USEC_PER_SEC,
                                    .size = SMALL};
    struct flows f = {.common = p->common,
                      .plan = &plan,
                      .peer = *address,
                      .type = SOCK_DGRAM,
                      .interrupts = p->interrupts};
    char words[QUEUED_ERROR_TEXT_MAX];
    int r = flows_run(&f);

    if (r == 0 && flows_sum(&f).answered > 0) {
        p->udp = *address;
        p->rtt = f.times.max / NSEC_PER_USEC;
    } else if (r == 0 && f.list[0].queue.error) {
        report_missing(p, address, named, error_queue_describe(&f.list[0].queue, words));
    } else if (!f.over) {
        report_missing(p, address, named, r == 0 ? "silence" : strerror(-r));
    }
    p->stopped = p->stopped || f.over;
    flows_free(&f);
}

/* Opens a socket whose datagrams are echoed. Returns 0 or -errno. */
static int open_live(struct path *p, struct datagram_probe *d)
{
    uint64_t patience = 200 * USEC_PER_MSEC + 3 * p->rtt;
    int r = -ETIMEDOUT;

    for (int n = 0; n < PORTS && r == -ETIMEDOUT; n++) {
        r = datagram_probe_open(d, p->common, &p->udp, p->interrupts);
        if (r < 0)
            return r;
        d->patience = patience < USEC_PER_SEC ? patience : USEC_PER_SEC;
        r = datagram_probe_size(d, SMALL, COPIES);
        if (r < 0)
            datagram_probe_close(d);
    }
    return r;
}

/* ---- sizes ---- */

struct search {
    struct path *path;
    struct datagram_probe d;
    uint32_t passes, fails; /* bytes of a datagram */
    uint32_t reported;      /* the smallest MTU that a router has reported, or 0 */
    struct address by;
};

/* Stores the MTU that a router has reported. Returns whether to continue after the result R. */
static bool note_report(struct search *s, int r)
{
    const struct queued_error *queued = &s->d.queued;

    if (!queued->icmp || queued->mtu == 0)
        return r == 0 || r == -ETIMEDOUT;
    if (s->reported == 0 || queued->mtu < s->reported) {
        s->reported = queued->mtu;
        s->by = queued->from;
    }
    return true;
}

/* Returns the largest datagram that this system sends. It refuses a larger one with the MTU. */
static uint32_t own_limit(struct search *s, const struct address *a)
{
    int r = datagram_probe_size(&s->d, LARGEST, 1);

    if (r == -EMSGSIZE && !s->d.queued.icmp && s->d.queued.mtu > headers(a))
        return s->d.queued.mtu - headers(a);
    note_report(s, r);
    return LARGEST;
}

/* Tries sizes at regular steps between one that passes and one that does not, and narrows the
 * search to one step. */
static int narrow(struct search *s)
{
    uint32_t width = s->fails - s->passes, count = DATAGRAM_SIZES_MAX;

    if (width - 1 < count)
        count = width - 1;
    for (uint32_t i = 0; i < count; i++)
        s->d.sizes[i] = s->passes + (uint32_t)((uint64_t)width * (i + 1) / (count + 1));
    s->d.count = count;
    int r = datagram_probe_round(&s->d, COPIES);
    if (!note_report(s, r))
        return r;
    for (uint32_t i = 0; i < count; i++)
        if (s->d.passed[i] && s->d.sizes[i] > s->passes)
            s->passes = s->d.sizes[i];
    for (uint32_t i = count; i-- > 0;)
        if (!s->d.passed[i] && s->d.sizes[i] > s->passes && s->d.sizes[i] < s->fails)
            s->fails = s->d.sizes[i];
    return 0;
}

static int find_limit(struct search *s)
{
    int r = 0;

    while (r == 0 && s->fails > s->passes + 1)
        r = narrow(s);
    if (r == 0)
        r = datagram_probe_size(&s->d, s->fails, CERTAIN); /* confirm that it was not by chance */
    return r;
}

static void report_limit(struct search *s, uint32_t own)
{
    const struct address *a = &s->path->udp;
    uint32_t passes = s->passes + headers(a);
    char from[ADDRESS_TEXT_MAX];

    s->path->packet_passes = passes;
    if (s->reported > 0 && passes >= s->reported)
        findings_note(&s->path->findings, "mtu",
                      "packets of up to %" PRIu32 " bytes pass; %s reports this MTU, as it should",
                      passes, address_host(&s->by, from, sizeof(from)));
    else if (s->reported > 0)
        findings_add(&s->path->findings, "mtu",
                     "packets of more than %" PRIu32 " bytes are dropped, although %s reports an "
                     "MTU of "
                     "%" PRIu32 ": an MTU black hole beyond it",
                     passes, address_host(&s->by, from, sizeof(from)), s->reported);
    else
        findings_add(&s->path->findings, "mtu",
                     "packets of more than %" PRIu32 " bytes are silently dropped (our own MTU is "
                     "%" PRIu32 "): an MTU black hole",
                     passes, own + headers(a));
}

static void report_truncated(struct search *s)
{
    if (s->d.truncated_from > 0)
        findings_add(&s->path->findings, "truncated",
                     "a datagram of %" PRIu32 " bytes came back with %" PRIu32
                     ": something on the path truncates",
                     s->d.truncated_from, s->d.truncated_to);
}

/* Uses a reported MTU, but verifies it. */
static void search(struct search *s, uint32_t own)
{
    const struct address *a = &s->path->udp;

    s->passes = SMALL;
    s->fails = own;
    if (s->reported > headers(a) + SMALL && s->reported - headers(a) < own &&
        datagram_probe_size(&s->d, s->reported - headers(a), COPIES) == 0) {
        s->passes = s->reported - headers(a);
        report_limit(s, own);
    } else if (find_limit(s) == -ETIMEDOUT) {
        report_limit(s, own);
    }
}

void path_try_sizes(struct path *p)
{
    struct search s = {.path = p};

    if (p->udp.len == 0 || open_live(p, &s.d) < 0)
        return;
    uint32_t own = own_limit(&s, &p->udp);
    int r = datagram_probe_size(&s.d, own, COPIES);
    p->packet_sent = p->packet_passes = own + headers(&p->udp);
    if (r == 0)
        findings_note(&p->findings, "mtu", "packets of up to %" PRIu32 " bytes pass",
                      p->packet_passes);
    else if (note_report(&s, r) && own > SMALL)
        search(&s, own);
    report_truncated(&s);
    datagram_probe_close(&s.d);
}

/* ---- error reports of routers ---- */

static void set_ttl(int fd, int ttl)
{
    setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
    setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof(ttl));
}

/* What happened to a datagram with a small TTL. */
enum expiry { EXPIRED_SILENTLY, EXPIRED_REPORTED, EXPIRED_ANSWERED, EXPIRED_STOPPED };

/* Receives a reply or an error report from FD. *TTL is that of the datagram that was answered. */
static enum expiry take_report(struct path *p, int fd, int *ttl)
{
    uint8_t answer = 0;

    if (recv(fd, &answer, 1, MSG_DONTWAIT) == 1 && answer > 0 && answer <= ROUTERS) {
        *ttl = answer;
        return EXPIRED_ANSWERED;
    }
    return error_queue_drain(fd, &p->reported) && p->reported.icmp ? EXPIRED_REPORTED
                                                                   : EXPIRED_SILENTLY;
}

static enum expiry await_report(struct path *p, int fd, int *ttl)
{
    struct pollfd set[] = {{.fd = fd, .events = POLLIN}, {.fd = p->interrupts, .events = POLLIN}};
    uint64_t deadline = clock_now() + USEC_PER_SEC / 2;
    enum expiry expiry = EXPIRED_SILENTLY;

    while (expiry == EXPIRED_SILENTLY && clock_now() < deadline) {
        if (poll(set, ARRAY_SIZE(set), clock_timeout(deadline)) <= 0)
            continue;
        expiry = set[1].revents ? EXPIRED_STOPPED : take_report(p, fd, ttl);
    }
    return expiry;
}

/* Sends a datagram for each router, which contains its TTL. */
static void send_expiring(int fd, int hops)
{
    for (uint8_t ttl = 1; ttl <= hops && ttl <= ROUTERS; ttl++) {
        set_ttl(fd, ttl);
        if (send(fd, &ttl, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) /* an error reported earlier */
            return;
    }
}

static void report_icmp(struct path *p, enum expiry expiry, int ttl)
{
    char from[ADDRESS_TEXT_MAX];

    if (expiry == EXPIRED_SILENTLY)
        findings_add(
            &p->findings, "icmp",
            "no router on the path reports errors: ICMP is filtered, so path MTU discovery "
            "cannot work");
    else if (expiry == EXPIRED_REPORTED)
        findings_note(&p->findings, "icmp", "routers report errors: %s does",
                      address_host(&p->reported.from, from, sizeof(from)));
    else if (expiry == EXPIRED_ANSWERED && 2 * ttl <= p->hops + 1) /* not just a shorter path */
        findings_add(
            &p->findings, "udp_proxy",
            "a datagram was answered although its TTL of %d does not reach the server: something "
            "on the path relays datagrams",
            ttl);
}

void path_try_reports(struct path *p, const struct address *address)
{
    struct datagram_probe d;
    enum expiry expiry = EXPIRED_SILENTLY;
    int ttl = 0;

    if (p->hops <= 0 || datagram_probe_open(&d, p->common, address, p->interrupts) < 0)
        return;
    for (int n = 0; n < ASKED && expiry == EXPIRED_SILENTLY; n++) {
        send_expiring(d.stream.fd, p->hops);
        expiry = await_report(p, d.stream.fd, &ttl);
    }
    report_icmp(p, expiry, ttl);
    datagram_probe_close(&d);
}
