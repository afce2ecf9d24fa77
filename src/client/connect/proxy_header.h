/*
 * The header of the PROXY protocol (proxy-protocol.txt of HAProxy, versions 1 and 2), as a client
 * sends it: to try a server that expects one, without the proxy.
 */
#ifndef ECHOD_CLIENT_CONNECT_PROXY_HEADER_H
#define ECHOD_CLIENT_CONNECT_PROXY_HEADER_H

#include "net/address.h"

#include <stddef.h>
#include <stdint.h>

/* Enough for either version: a line of version 1 has at most 107 bytes. */
#define PROXY_HEADER_MAX 128

struct proxy {
    int version;           /* 1 or 2; 0: no header */
    struct address source; /* whom the connection is said to be from; .len 0: from who it is */
};

/* Parses "v1", "v2", "v1=ADDR:PORT" or "v2=[ADDR]:PORT". Returns 0 or -EINVAL. */
int proxy_header_parse(const char *text, struct proxy *proxy);

/*
 * Writes the header for a connection from LOCAL to PEER into BUF, of PROXY_HEADER_MAX bytes. What
 * has no IP address (a Unix socket) is UNKNOWN (version 1) or LOCAL (version 2) unless a source was
 * given; it is then said to be to the unspecified address. Returns its length.
 */
size_t proxy_header_write(const struct proxy *proxy, const struct address *local,
                          const struct address *peer, void *buf);

#endif
