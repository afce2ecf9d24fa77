/*
 * What a whoami service answers, as values.
 */
#ifndef ECHOD_CLIENT_PATH_WHOAMI_REPLY_H
#define ECHOD_CLIENT_PATH_WHOAMI_REPLY_H

#include "net/address.h"

#include <stdbool.h>

/* What two ends of a TCP connection can agree on. */
#define AGREED_TIMESTAMPS 1U
#define AGREED_SACK 2U
#define AGREED_WINDOW_SCALE 4U
#define AGREED_ECN 8U

/* The SYN as it arrived; -1 stands for null. */
struct arrived_syn {
    int ttl, dscp, ecn;
    int mss, window_scale;
    bool ecn_setup, sack, timestamps;
    char options[256];
};

struct whoami_reply {
    struct address peer, local; /* .len 0: not known, or of a Unix socket */
    bool proxied;               /* a proxy told who the peer is */
    int sent_mss;               /* the server's MSS, in its SYN-ACK; -1: not known */
    int agreed;                 /* AGREED_..., as the server sees it; -1: not known */
    bool reports_syn;           /* whether this echod knows of SYNs at all */
    bool has_syn;               /* whether there is one, and it is not the proxy's */
    struct arrived_syn syn;
    char missing[160]; /* why there is none */
};

/* Reads TEXT. Returns 0, or -EBADMSG if it is not the answer of a whoami service. */
int whoami_reply_parse(const char *text, struct whoami_reply *reply);

#endif
