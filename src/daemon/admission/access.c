#include "daemon/admission/access.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Size of the rate table: 65,536 sources in 2 MiB, of which only used pages take memory. */
#define RATE_SETS 8192
/* Size of the table of sources that crashed a worker: 4,096. */
#define PENALTY_SETS 512

/* All sources of a network together have the rate of this many sources, and at least this rate per
 * second. */
#define SOURCES_PER_NETWORK 4
#define NETWORK_LEAST UINT64_C(400)
/* Set in the family of the key of a network. */
#define NETWORK 0x8000
#define ROOT 0

/* ---- deciding ---- */

static struct access by_rule(enum access_rule rule)
{
    return (struct access){.rule = rule};
}

static struct access by_range(enum access_rule rule, const struct cidr *range)
{
    return (struct access){.rule = rule, .range = range};
}

/* Decides by allow and deny. Those do not apply to Unix sockets, where the file mode decides. */
static struct access decide_by_address(const struct listen_settings *listen,
                                       const struct address *peer)
{
    const struct cidr *denied = cidrs_find(&listen->deny, peer);
    const struct cidr *allowed = cidrs_find(&listen->allow, peer);

    if (denied)
        return by_range(ACCESS_DENY, denied);
    if (allowed)
        return by_range(ACCESS_ALLOW, allowed);
    return by_rule(listen->allow.count > 0 && address_is_ip(peer) ? ACCESS_NOT_IN_ALLOW
                                                                  : ACCESS_OPEN);
}

/* Whether limits per source apply to PEER. On Unix sockets, they do if its user is known. */
static bool is_counted(const struct address *peer)
{
    return address_is_ip(peer) || peer->user > 0;
}

/* Whether source_rate applies. Not to loopback and root, which have other ways to overload a
 * machine. */
static bool has_rate(const struct address *peer)
{
    return is_counted(peer) && !address_is_loopback(peer) && peer->user != ROOT + 1;
}

/* Returns the key of the network of PEER, which differs from that of any source. The sources of a
 * network are also limited together, since an attacker's addresses are often adjacent. */
static struct source_key network_of(const struct server_settings *limits,
                                    const struct address *peer)
{
    const struct source_prefix *own = &limits->source_prefix;
    struct source_prefix wide = {.ipv4 = own->ipv4 < 24 ? own->ipv4 : 24,
                                 .ipv6 = own->ipv6 < 48 ? own->ipv6 : 48};
    struct source_key key = address_source(peer, &wide);

    key.family |= NETWORK;
    return key;
}

static struct rate network_rate(const struct rate *rate)
{
    uint64_t count = rate->count * SOURCES_PER_NETWORK;

    if (count * USEC_PER_SEC <= NETWORK_LEAST * rate->interval)
        return (struct rate){.count = NETWORK_LEAST, .interval = USEC_PER_SEC};
    return (struct rate){.count = count < RATE_COUNT_MAX ? count : RATE_COUNT_MAX,
                         .interval = rate->interval};
}

/* Returns the microseconds until source_rate permits PEER to connect, 0 if it does now. */
static uint64_t wait_for_rate(const struct access_policy *policy, const struct address *peer,
                              uint64_t now)
{
    const struct server_settings *limits = policy->settings->server;
    struct source_key source = address_source(peer, &limits->source_prefix);
    struct source_key network = network_of(limits, peer);
    struct rate wide = network_rate(&limits->source_rate);

    if (limits->source_rate.count == 0 || !has_rate(peer))
        return 0;
    uint64_t wait = rate_wait(&policy->rates, &limits->source_rate, &source, now);
    return wait > 0 || !address_is_ip(peer) ? wait
                                            : rate_wait(&policy->rates, &wide, &network, now);
}

/* Decides by the limits per source. Returns ACCESS, the decision so far, if they admit PEER. */
static struct access decide_by_source(const struct access_policy *policy,
                                      const struct address *peer, uint64_t now,
                                      struct access access)
{
    const struct server_settings *limits = policy->settings->server;
    struct source_key source = address_source(peer, &limits->source_prefix);

    if (!is_counted(peer))
        return access;
    uint64_t penalty =
        rate_wait(&policy->penalties, &(struct rate){1, limits->crash_penalty}, &source, now);
    if (penalty > 0)
        return (struct access){.rule = ACCESS_PENALTY, .wait = penalty};
    if (limits->max_per_source > 0 && roster_count(policy->roster, peer) >= limits->max_per_source)
        return by_rule(ACCESS_SOURCE);
    uint64_t wait = wait_for_rate(policy, peer, now);
    return wait > 0 ? (struct access){.rule = ACCESS_RATE, .wait = wait} : access;
}

/* OTHERS is the number of clients without PEER. */
static struct access decide(const struct access_policy *policy, const struct address *peer,
                            const struct listen_settings *listen, uint64_t now, size_t others)
{
    const struct server_settings *limits = policy->settings->server;
    const struct cidr *monitor = cidrs_find(&limits->monitor, peer);
    struct access access = decide_by_address(listen, peer);

    if (!access_is_granted(&access))
        return access;
    if (others >= limits->max_clients)
        return by_rule(ACCESS_FULL);
    if (monitor)
        return by_range(ACCESS_MONITOR, monitor);
    if (others >= limits->max_clients - limits->reserved)
        return by_rule(ACCESS_RESERVED);
    return decide_by_source(policy, peer, now, access);
}

struct access access_decide(const struct access_policy *policy, const struct address *peer,
                            const struct listen_settings *listen, uint64_t now)
{
    return decide(policy, peer, listen, now, policy->roster->live);
}

struct access access_decide_proxied(const struct access_policy *policy, const struct address *peer,
                                    const struct listen_settings *listen, uint64_t now)
{
    return decide(policy, peer, listen, now, policy->roster->live - 1);
}

struct access access_decide_datagram(const struct address *peer,
                                     const struct listen_settings *listen)
{
    return decide_by_address(listen, peer);
}

/* The peers of a Unix socket are trusted, because its file mode decides who can connect. */
struct access access_decide_proxy(const struct access_policy *policy, const struct address *proxy,
                                  const struct listen_settings *listen)
{
    if (address_is_ip(proxy) && !cidrs_find(&listen->proxy_trust, proxy))
        return by_rule(ACCESS_UNTRUSTED);
    return by_rule(policy->roster->live < policy->settings->server->max_clients ? ACCESS_OPEN
                                                                                : ACCESS_FULL);
}

bool access_is_granted(const struct access *access)
{
    return access->rule <= ACCESS_MONITOR;
}

bool access_may_change(const struct access *access)
{
    return access->rule == ACCESS_FULL || access->rule == ACCESS_RESERVED ||
           access->rule == ACCESS_SOURCE;
}

void access_use(struct access_policy *policy, const struct access *access,
                const struct address *peer, uint64_t now)
{
    const struct server_settings *limits = policy->settings->server;
    struct source_key source = address_source(peer, &limits->source_prefix);
    struct source_key network = network_of(limits, peer);
    struct rate wide = network_rate(&limits->source_rate);

    if (limits->source_rate.count == 0 || access->rule == ACCESS_MONITOR || !has_rate(peer))
        return;
    rate_take(&policy->rates, &limits->source_rate, &source, now);
    if (address_is_ip(peer))
        rate_take(&policy->rates, &wide, &network, now);
}

void access_penalize(struct access_policy *policy, const struct address *peer, uint64_t now)
{
    const struct server_settings *limits = policy->settings->server;
    struct source_key source = address_source(peer, &limits->source_prefix);

    if (is_counted(peer))
        rate_take(&policy->penalties, &(struct rate){1, limits->crash_penalty}, &source, now);
}

/* ---- messages ---- */

/* WORDS may contain a conversion for the seconds to wait. */
static const struct {
    const char *words, *reason;
} refusals[] = {
    [ACCESS_DENY] = {"echod: access denied\n", "not allowed"},
    [ACCESS_NOT_IN_ALLOW] = {"echod: access denied\n", "not allowed"},
    [ACCESS_FULL] = {"echod: too many clients, try again later\n", "full"},
    [ACCESS_RESERVED] = {"echod: too many clients, try again later\n", "full but for monitors"},
    [ACCESS_SOURCE] = {"echod: too many clients from your address, try again later\n",
                       "too many clients from its source"},
    [ACCESS_RATE] = {"echod: too many connections from your address, try again in %llu s\n",
                     "too many connections of its source"},
    [ACCESS_UNTRUSTED] = {"echod: access denied\n", "not a trusted proxy"},
    [ACCESS_PENALTY] = {"echod: access denied after a crash, try again in %llu s\n",
                        "a worker that served its source crashed"},
    [ACCESS_NO_PROCESS] = {"echod: out of resources, try again later\n", "no process for it"},
};

const char *access_refusal(const struct access *access, char *buf, size_t size)
{
    snprintf(buf, size, refusals[access->rule].words, access_seconds(access));
    return buf;
}

const char *access_reason(const struct access *access)
{
    return refusals[access->rule].reason;
}

unsigned long long access_seconds(const struct access *access)
{
    return (access->wait + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

/* ---- tables ---- */

/* Returns 0 or -errno. */
static int open_table(struct rate_table *table, size_t sets)
{
    table->sets = sets;
    table->seed = hash_seed_new();
    table->buckets = calloc(sets * RATE_WAYS, sizeof(*table->buckets));
    return table->buckets ? 0 : -ENOMEM;
}

int access_open(struct access_policy *policy)
{
    const struct server_settings *limits = policy->settings->server;
    int r = limits->source_rate.count > 0 ? open_table(&policy->rates, RATE_SETS) : 0;

    if (r == 0 && limits->crash_penalty > 0)
        r = open_table(&policy->penalties, PENALTY_SETS);
    return r;
}

void access_close(struct access_policy *policy)
{
    free(policy->rates.buckets);
    free(policy->penalties.buckets);
    policy->rates.buckets = policy->penalties.buckets = NULL;
}
