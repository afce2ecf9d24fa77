#include "client/path/compare.h"

#include "base/macros.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Two connections may take paths of different lengths, which differ by less than this. */
#define DETOUR 8

/* ---- addresses ---- */

static void compare_addresses(struct findings *f, const struct handshake *h)
{
    const struct whoami_reply *reply = &h->reply;
    char sent[ADDRESS_TEXT_MAX], arrived[ADDRESS_TEXT_MAX];
    struct address own = h->own, peer = h->peer;

    address_normalise(&own);
    address_normalise(&peer);
    if (reply->proxied) {
        findings_note(
            f, "proxy",
            "there is a proxy in between: it names us in its PROXY header, and what it received "
            "is unknown");
        return;
    }
    if (reply->peer.len > 0 && !address_equal(&own, &reply->peer))
        findings_add(f, "nat", "%s arrived as %s: NAT", address_format(&own, sent, sizeof(sent)),
                     address_format(&reply->peer, arrived, sizeof(arrived)));
    if (reply->local.len > 0 && !address_equal(&peer, &reply->local))
        findings_add(f, "destination_nat",
                     "%s is %s at the server: destination NAT (a port forwarding, a load "
                     "balancer)",
                     address_format(&peer, sent, sizeof(sent)),
                     address_format(&reply->local, arrived, sizeof(arrived)));
}

/* ---- TTL and DSCP ---- */

static bool is_ttl_rewritten(int sent_apart, int arrived_apart, int hops)
{
    return abs(sent_apart - arrived_apart) > DETOUR || hops < 0;
}

/* Compares the difference of the two TTLs that were sent with that of those that arrived. Returns
 * the number of hops, or -1 if it is not known. */
static int compare_ttl(struct findings *f, const struct handshake *a, const struct handshake *b)
{
    int arrived_a = a->reply.syn.ttl, arrived_b = b->reply.syn.ttl, hops = a->ttl - arrived_a;
    const char *name = a->own.sa.sa_family == AF_INET6 ? "hop limit" : "TTL";

    if (a->ttl < 0 || b->ttl < 0)
        return -1;
    if (is_ttl_rewritten(a->ttl - b->ttl, arrived_a - arrived_b, hops)) {
        findings_add(f, "ttl",
                     "%s %d arrived as %d, and %d as %d: something on the path rewrites it (a "
                     "proxy, a firewall that normalises)",
                     name, a->ttl, arrived_a, b->ttl, arrived_b);
        return -1;
    }
    if (hops == 0)
        findings_note(f, "hops", "0 hops: there is no router in between");
    else
        findings_note(f, "hops", "%d hop%s", hops, plural((uint64_t)hops));
    return hops;
}

static bool compare_dscp(struct findings *f, const struct handshake *h)
{
    char sent[DSCP_TEXT_MAX], arrived[DSCP_TEXT_MAX];

    if (h->dscp == h->reply.syn.dscp)
        return true;
    findings_add(f, "dscp", "DSCP %s became %s: something on the path %s it",
                 dscp_name(h->dscp, sent), dscp_name(h->reply.syn.dscp, arrived),
                 h->reply.syn.dscp == 0 ? "clears" : "rewrites");
    return false;
}

/* ---- options ---- */

static void compare_mss(struct findings *f, const struct handshake *h)
{
    const struct whoami_reply *reply = &h->reply;
    int limit = reply->sent_mss < h->peer_mss_limit ? reply->sent_mss : h->peer_mss_limit;

    if (reply->syn.mss < 0)
        findings_add(f, "mss", "MSS %d was removed: the server sends 536 bytes at a time", h->mss);
    else if (reply->syn.mss < h->mss)
        findings_add(f, "mss", "MSS %d became %d: something on the path clamps it (a tunnel?)",
                     h->mss, reply->syn.mss);
    else if (reply->syn.mss > h->mss)
        findings_add(f, "mss", "MSS %d became %d: something on the path raises it (a proxy?)",
                     h->mss, reply->syn.mss);
    /* The kernel also limits segments to half of the window, which only matters for the MSS of
     * loopback. */
    if (reply->sent_mss > 0 && h->peer_mss > 0 && h->peer_mss < limit && limit < 16384)
        findings_add(f, "mss_back",
                     "MSS %d of the server became %d on the way back: something on "
                     "the path clamps it (a tunnel?)",
                     reply->sent_mss, h->peer_mss);
}

struct option {
    unsigned bit;
    const char *kind, *name, *meaning;
};

/* Compares whether OPTION was sent, which depends on a sysctl, with whether it has ARRIVED. */
static void compare_option(struct findings *f, const struct handshake *h,
                           const struct option *option, bool arrived)
{
    bool server = h->reply.agreed >= 0 && (unsigned)h->reply.agreed & option->bit;

    if (h->requested & option->bit && !arrived)
        findings_add(f, option->kind, "%s removed: %s", option->name, option->meaning);
    else if (arrived && server && !(h->agreed & option->bit))
        findings_add(f, option->kind, "%s removed on the way back: %s", option->name,
                     option->meaning);
}

static void compare_options(struct findings *f, const struct handshake *h)
{
    static const struct option timestamps = {
        AGREED_TIMESTAMPS, "timestamps", "timestamps were",
        "round trips are measured less accurately, and old segments are harder to distinguish "
        "from new ones"};
    static const struct option sack = {AGREED_SACK, "sack", "SACK was",
                                       "each loss costs an additional round trip"};
    static const struct option scale = {
        AGREED_WINDOW_SCALE, "window_scale", "window scaling was",
        "no more than 64 KiB are in flight at once, which is slow over long distances"};
    const struct arrived_syn *syn = &h->reply.syn;

    compare_option(f, h, &timestamps, syn->timestamps);
    compare_option(f, h, &sack, syn->sack);
    compare_option(f, h, &scale, syn->window_scale >= 0);
    if (syn->window_scale >= 0 && h->window_scale >= 0 && syn->window_scale != h->window_scale)
        findings_add(f, "window_scale",
                     "window scale %d became %d: the server misreads our window, and transfers "
                     "stall",
                     h->window_scale, syn->window_scale);
}

/* Whether all options have arrived, but not in the order in which Linux sends them. */
static bool is_reordered(const struct arrived_syn *syn)
{
    static const char *const order[] = {"mss", "sack", "timestamps", "window_scale"};
    const char *at = syn->options;

    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        const char *found = strstr(syn->options, order[i]);
        if (!found)
            return false;
        if (found < at)
            return true;
        at = found;
    }
    return false;
}

static void compare_order(struct findings *f, const struct handshake *h)
{
    if (is_reordered(&h->reply.syn))
        findings_add(
            f, "options",
            "the TCP options arrived in a different order (%s): a proxy terminates the connections",
            h->reply.syn.options);
}

/* ---- ECN ---- */

static void compare_ecn(struct findings *f, const struct handshake *plain,
                        const struct handshake *marked)
{
    const struct whoami_reply *reply = &plain->reply;
    bool server = reply->agreed >= 0 && (unsigned)reply->agreed & AGREED_ECN;

    if (reply->syn.ecn > 0)
        findings_add(f, "ecn_field", "the ECN field 0 became %d: something on the path sets it",
                     reply->syn.ecn);
    if (!(plain->requested & AGREED_ECN))
        findings_note(f, "ecn",
                      "ECN was not tried: net.ipv4.tcp_ecn does not request it on this machine");
    else if (plain->repeated && marked->repeated) /* a retransmitted SYN has no ECN */
        findings_note(f, "ecn", "ECN was not tried: the first SYN was lost");
    else if (!reply->syn.ecn_setup && !marked->reply.syn.ecn_setup)
        findings_add(
            f, "ecn",
            "ECN was requested, but the request did not arrive: something on the path clears the "
            "flags");
    else if (server && !(plain->agreed & AGREED_ECN))
        findings_add(
            f, "ecn",
            "ECN was granted, but the reply arrived without it: something on the way back clears "
            "the flags");
    else if (plain->agreed & marked->agreed & AGREED_ECN && !plain->ecn_seen && !marked->ecn_seen)
        findings_add(
            f, "ecn_back",
            "ECN is in use, but packets from the server arrive without the mark: something on "
            "the way back clears it");
}

int path_compare(struct findings *f, const struct handshake *plain, const struct handshake *marked)
{
    compare_addresses(f, plain);
    if (!plain->reply.has_syn || !marked->reply.has_syn) {
        if (!plain->reply.reports_syn)
            findings_note(f, "syn", "this version of echod is too old to report the SYN");
        else if (!plain->reply.proxied)
            findings_note(f, "syn", "the SYN is unknown: %s", plain->reply.missing);
        return -1;
    }
    int hops = compare_ttl(f, plain, marked);
    if (compare_dscp(f, plain))
        compare_dscp(f, marked);
    compare_mss(f, plain);
    compare_options(f, plain);
    compare_order(f, plain);
    compare_ecn(f, plain, marked);
    return hops;
}
