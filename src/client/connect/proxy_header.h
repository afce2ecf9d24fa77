/*
 * The PROXY protocol header (HAProxy's proxy-protocol.txt, versions 1 and 2) as a client sends it,
 * to test a server that expects one without a proxy.
 */
#ifndef ECHOD_CLIENT_CONNECT_PROXY_HEADER_H
#define ECHOD_CLIENT_CONNECT_PROXY_HEADER_H

#include "net/address.h"

#include <stddef.h>
#include <stdint.h>

/* Enough for either version: version 1 needs at most 107 bytes. */
#define PROXY_HEADER_MAX 128

struct proxy {
    int version;           /* 1 or 2; 0: no header */
    struct address source; /* the source to claim; .len 0: the true one */
};

/* Parses "v1", "v2", "v1=ADDR:PORT" or "v2=[ADDR]:PORT". Returns 0 or -EINVAL. */
int proxy_header_parse(const char *text, struct proxy *proxy);

/*
 * Writes the header for a connection from LOCAL to PEER into BUF of PROXY_HEADER_MAX bytes. Returns
 * its length. A connection over a Unix socket is described as UNKNOWN (version 1) or LOCAL
 * (version 2); if a source was given, its destination is the unspecified address.
 */
size_t proxy_header_write(const struct proxy *proxy, const struct address *local,
                          const struct address *peer, void *buf);

#endif
