/*
 * The PROXY protocol, versions 1 and 2: the header in which a proxy names its client.
 */
#ifndef ECHOD_WORKER_PROXY_H
#define ECHOD_WORKER_PROXY_H

#include "net/service.h"
#include "service/stream.h"

/* The longest header: of version 2, whose length has 16 bits. One of version 1 has 107 bytes. */
#define PROXY_HEADER_MAX (16 + UINT16_MAX)

/* The content of a header: both addresses, normalised, or neither (their len is 0): the connection
 * is the proxy's own, or of an unknown kind. */
struct proxied {
    struct address source;      /* the client */
    struct address destination; /* where it connected to */
};

/*
 * Parses the LEN bytes of a header that have come so far, of the version WANTED (not PROXY_NO).
 * Returns 0 and fills in TOLD if it is whole; the count of bytes, one at least, that belong to it
 * in any case and are still missing; -EPROTO for what is no header; -EPROTONOSUPPORT for one of
 * the other version; -EBADMSG where its checksum is wrong.
 * Whoever receives no more than that count each time never takes a byte of what follows.
 */
int proxy_parse(const uint8_t *bytes, size_t len, enum proxy_protocol wanted,
                struct proxied *proxied);

/*
 * Receives the header that begins STREAM, and not a byte more, until clock_now() is UNTIL.
 * Returns 0; END_CLOSED if the client closed before its first byte; END_PROXY with the errno in
 * the slot; or -errno of the stream.
 */
int proxy_receive(struct stream *stream, uint64_t until, enum proxy_protocol wanted,
                  struct proxied *proxied);

#endif
