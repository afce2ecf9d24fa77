/*
 * Who is let in: the one decision about a client, which admission makes for each and echoctl
 * check-access asks for.
 */
#ifndef ECHOD_DAEMON_ADMISSION_ACCESS_H
#define ECHOD_DAEMON_ADMISSION_ACCESS_H

#include "config/settings.h"
#include "daemon/session/roster.h"
#include "net/rate.h"

enum access_rule {
    ACCESS_OPEN,    /* let in: no rule keeps it out */
    ACCESS_ALLOW,   /* let in: named in allow */
    ACCESS_MONITOR, /* let in: named in monitor, so that limits per source do not concern it */
    ACCESS_DENY,    /* named in deny */
    ACCESS_NOT_IN_ALLOW,
    ACCESS_FULL,      /* max_clients */
    ACCESS_RESERVED,  /* what is left is for monitors */
    ACCESS_SOURCE,    /* max_per_source */
    ACCESS_RATE,      /* source_rate */
    ACCESS_UNTRUSTED, /* proxy_trust does not name it */
    ACCESS_PENALTY,   /* a worker that served its source crashed a while ago */
    /* Not by decision: */
    ACCESS_NO_PROCESS, /* the system has none for the worker */
};

/* The rule that decides, and what it is about. */
struct access {
    enum access_rule rule;
    const struct cidr *range; /* of allow, monitor or deny; else NULL. Belongs to the settings */
    uint64_t
        wait; /* ACCESS_RATE, ACCESS_PENALTY: microseconds until there is a connection to be had */
};

/* What decides: the settings, who is there, and what is remembered of sources. */
struct access_policy {
    const struct settings *settings;
    const struct roster *roster;
    struct rate_table rates;     /* of connections, by source; no buckets without source_rate */
    struct rate_table penalties; /* of sources whose worker crashed; none without crash_penalty */
};

/* Decides about a client PEER (normalised) of LISTEN that comes at NOW, clock_now(). Changes
 * nothing: the same question has the same answer. */
struct access access_decide(const struct access_policy *policy, const struct address *peer,
                            const struct listen_settings *listen, uint64_t now);

/* The same about a client that came by a proxy: one that is in the roster already, not let in. */
struct access access_decide_proxied(const struct access_policy *policy, const struct address *peer,
                                    const struct listen_settings *listen, uint64_t now);

/* Decides about a datagram of PEER: the limits, which are those of clients, say nothing of it. */
struct access access_decide_datagram(const struct address *peer,
                                     const struct listen_settings *listen);

/* Decides about a connection of the PROXY of LISTEN: all that is known before its header. */
struct access access_decide_proxy(const struct access_policy *policy, const struct address *proxy,
                                  const struct listen_settings *listen);

bool access_is_granted(const struct access *access);

/* Whether it is refused only for those who are there: it would not be, were one of them gone. */
bool access_may_change(const struct access *access);

/* Counts the client, which was let in by ACCESS, against source_rate. */
void access_use(struct access_policy *policy, const struct access *access,
                const struct address *peer, uint64_t now);

/* A worker that served PEER crashed: its source is kept out for crash_penalty. */
void access_penalize(struct access_policy *policy, const struct address *peer, uint64_t now);

/* What a client that is kept out is told, a line; BUF, where ACCESS_REFUSAL_MAX bytes are enough.
 */
#define ACCESS_REFUSAL_MAX 128
const char *access_refusal(const struct access *access, char *buf, size_t size);

/* The same for the log: the value of ECHOD_REASON. */
const char *access_reason(const struct access *access);

/* The wait in seconds, rounded up. */
unsigned long long access_seconds(const struct access *access);

/* Makes room for what source_rate has to remember. Returns 0 or -errno. */
int access_open(struct access_policy *policy);
void access_close(struct access_policy *policy);

#endif
