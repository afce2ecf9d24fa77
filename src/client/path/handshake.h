/*
 * One connection to a whoami service: what we sent in the handshake, and what the service answers.
 */
#ifndef ECHOD_CLIENT_PATH_HANDSHAKE_H
#define ECHOD_CLIENT_PATH_HANDSHAKE_H

#include "client/command/common_options.h"
#include "client/path/whoami_reply.h"

#include <stdbool.h>

/* How to connect: with values that should arrive at the other end. */
struct handshake_plan {
    int dscp;          /* -1: the default */
    int ttl;           /* 0: the default */
    uint64_t patience; /* how long connecting may take, microseconds; 0: only c->timeout applies */
    int wake;          /* a descriptor: give up once it is readable; or -1 */
};

struct handshake {
    struct address own, peer;
    int ttl, dscp;      /* as sent */
    unsigned requested; /* AGREED_...: what our SYN asked for, according to the sysctls */
    bool ecn_known;     /* whether the sysctl for ECN could be read */
    unsigned agreed;    /* AGREED_..., according to our kernel */
    bool ecn_seen;      /* a packet marked as ECN-capable arrived */
    int mss;            /* in our SYN */
    int window_scale;   /* in our SYN; -1: not known */
    int peer_mss;       /* the largest segment that the server's MSS permits; -1: not known */
    int peer_mss_limit; /* the upper bound of peer_mss that our MTU sets */
    bool repeated;      /* segments were retransmitted; a second SYN goes without ECN */
    bool connected;     /* connecting succeeded, whatever was received then */
    bool closed;        /* the server closed without an answer */
    struct whoami_reply reply;
};

/*
 * Connects to ADDRESS and reads the answer. Returns 0; -EBADMSG if the answer is not that of a
 * whoami service (with .closed set if there is none); -ETIMEDOUT, -ECANCELED (.wake) or another
 * -errno.
 */
int handshake_ask(const struct common_options *c, const struct address *address,
                  const struct handshake_plan *plan, struct handshake *h);

#endif
