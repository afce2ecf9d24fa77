/*
 * The answer of a whoami service, parsed.
 */
#ifndef ECHOD_CLIENT_PATH_WHOAMI_REPLY_H
#define ECHOD_CLIENT_PATH_WHOAMI_REPLY_H

#include "net/address.h"

#include <stdbool.h>

/* Options that the two ends of a TCP connection can agree on: a bit mask. */
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
    struct address peer, local; /* .len 0: not known, or a Unix socket */
    bool proxied;               /* the peer is the one named in a PROXY header */
    int sent_mss;               /* the MSS in the server's SYN-ACK; -1: not known */
    int agreed;                 /* AGREED_..., according to the server's kernel; -1: not known */
    bool reports_syn;           /* whether this version of echod reports SYNs */
    bool has_syn;               /* whether the client's SYN, not a proxy's, is in .syn */
    struct arrived_syn syn;
    char missing[160]; /* why there is no SYN */
};

/* Reads TEXT. Returns 0, or -EBADMSG if it is not the answer of a whoami service. */
int whoami_reply_parse(const char *text, struct whoami_reply *reply);

#endif
