/*
 * Access control: the decision whether a client is served. Admission makes it for each client, and
 * echoctl check-access reports it.
 */
#ifndef ECHOD_DAEMON_ADMISSION_ACCESS_H
#define ECHOD_DAEMON_ADMISSION_ACCESS_H

#include "config/settings.h"
#include "daemon/session/roster.h"
#include "net/rate.h"

enum access_rule {
    ACCESS_OPEN,    /* allowed: no rule excludes it */
    ACCESS_ALLOW,   /* allowed: in allow */
    ACCESS_MONITOR, /* allowed: in monitor, so that limits per source do not apply */
    ACCESS_DENY,    /* in deny */
    ACCESS_NOT_IN_ALLOW,
    ACCESS_FULL,      /* max_clients */
    ACCESS_RESERVED,  /* the remaining places are for monitors */
    ACCESS_SOURCE,    /* max_per_source */
    ACCESS_RATE,      /* source_rate */
    ACCESS_UNTRUSTED, /* not in proxy_trust */
    ACCESS_PENALTY,   /* a worker of the same source crashed recently */
    /* Not a decision: */
    ACCESS_NO_PROCESS, /* the system has no process for the worker */
};

/* The rule that decides, and its details. */
struct access {
    enum access_rule rule;
    const struct cidr
        *range; /* the matching entry of allow, monitor or deny, or NULL; belongs to the settings */
    uint64_t wait; /* ACCESS_RATE, ACCESS_PENALTY: microseconds until a connection is possible */
};

/* The input of the decision: settings, current clients, and the state of sources. */
struct access_policy {
    const struct settings *settings;
    const struct roster *roster;
    struct rate_table rates;     /* of connections, by source; no buckets without source_rate */
    struct rate_table penalties; /* of sources whose worker crashed; none without crash_penalty */
};

/* Decides about a client PEER (normalised) that connects to LISTEN at NOW, clock_now(). Has no side
 * effects. */
struct access access_decide(const struct access_policy *policy, const struct address *peer,
                            const struct listen_settings *listen, uint64_t now);

/* The same for a client behind a proxy, which is already in the roster but not admitted yet. */
struct access access_decide_proxied(const struct access_policy *policy, const struct address *peer,
                                    const struct listen_settings *listen, uint64_t now);

/* Decides about a datagram from PEER. The limits of clients do not apply to it. */
struct access access_decide_datagram(const struct address *peer,
                                     const struct listen_settings *listen);

/* Decides about a connection from PROXY to LISTEN, before its header is known. */
struct access access_decide_proxy(const struct access_policy *policy, const struct address *proxy,
                                  const struct listen_settings *listen);

bool access_is_granted(const struct access *access);

/* Whether it is refused only because of current clients, and would be allowed if one of them left.
 */
bool access_may_change(const struct access *access);

/* Counts the client, which ACCESS allowed, for source_rate. */
void access_use(struct access_policy *policy, const struct access *access,
                const struct address *peer, uint64_t now);

/* A worker that served PEER crashed: its source is refused for crash_penalty. */
void access_penalize(struct access_policy *policy, const struct address *peer, uint64_t now);

/* Writes the line that a refused client is sent to BUF; ACCESS_REFUSAL_MAX bytes are enough.
 * Returns BUF. */
#define ACCESS_REFUSAL_MAX 128
const char *access_refusal(const struct access *access, char *buf, size_t size);

/* The same for the log: the value of ECHOD_REASON. */
const char *access_reason(const struct access *access);

/* The wait in seconds, rounded up. */
unsigned long long access_seconds(const struct access *access);

/* Allocates the table for source_rate. Returns 0 or -errno. */
int access_open(struct access_policy *policy);
void access_close(struct access_policy *policy);

#endif
