/*
 * One connection to a whoami service: what we sent in its handshake, and what the service answers.
 */
#ifndef ECHOD_CLIENT_PATH_HANDSHAKE_H
#define ECHOD_CLIENT_PATH_HANDSHAKE_H

#include "client/command/common_options.h"
#include "client/path/whoami_reply.h"

#include <stdbool.h>

/* How to connect: marks that are to be seen at the other end. */
struct handshake_plan {
    int dscp;          /* -1: as it is */
    int ttl;           /* 0: as it is */
    uint64_t patience; /* for the connection, microseconds; 0: no limit but c->timeout */
    int wake;          /* a descriptor: give up once it is readable; or -1 */
};

struct handshake {
    struct address own, peer;
    int ttl, dscp;      /* as they were sent */
    unsigned requested; /* AGREED_...: what our SYN asked for, as the sysctls say */
    bool ecn_known;     /* whether the sysctl of ECN could be read */
    unsigned agreed;    /* AGREED_..., as we see it */
    bool ecn_seen;      /* a packet came that was marked as capable of ECN */
    int mss;            /* that our SYN had */
    int window_scale;   /* likewise; -1: not known */
    int peer_mss;       /* the most that we may send, by the server's MSS; -1: it is not known */
    int peer_mss_limit; /* what it can be at most for other reasons: our MTU */
    bool repeated;  /* segments were lost: the SYN may be the second one, which is without ECN */
    bool connected; /* there was a connection, whatever came over it */
    bool closed;    /* the server closed without a word */
    struct whoami_reply reply;
};

/*
 * Connects to ADDRESS and asks. Returns 0; -EBADMSG where something else answers, .closed where
 * nothing is said; -ETIMEDOUT, -ECANCELED (.wake) or another -errno.
 */
int handshake_ask(const struct common_options *c, const struct address *address,
                  const struct handshake_plan *plan, struct handshake *h);

#endif
