/*
 * The PROXY protocol, versions 1 and 2: the header in which a proxy names its client.
 */
#ifndef ECHOD_WORKER_PROXY_H
#define ECHOD_WORKER_PROXY_H

#include "net/service.h"
#include "service/stream.h"

/* The longest header of version 2, whose length has 16 bits. Version 1 has at most 107 bytes. */
#define PROXY_HEADER_MAX (16 + UINT16_MAX)

/* The content of a header: both addresses, normalised; or neither (len 0) for connections of the
 * proxy itself, or of an unknown kind. */
struct proxied {
    struct address source;      /* the client */
    struct address destination; /* where it connected to */
};

/*
 * Parses the first LEN bytes of a header of the version WANTED (not PROXY_NO). Returns 0 with
 * PROXIED if it is complete; or how many further bytes, at least one, certainly belong to it, so
 * that a caller that receives no more than these never takes a byte of what follows; or -EPROTO if
 * it is not a header, -EPROTONOSUPPORT if it has the other version, -EBADMSG if its checksum is
 * wrong.
 */
int proxy_parse(const uint8_t *bytes, size_t len, enum proxy_protocol wanted,
                struct proxied *proxied);

/*
 * Receives the header at the beginning of STREAM, and not a byte more, until UNTIL (clock_now()).
 * Returns 0; END_CLOSED if the client closed before its first byte; END_PROXY with the errno in
 * the slot; or -errno of the stream.
 */
int proxy_receive(struct stream *stream, uint64_t until, enum proxy_protocol wanted,
                  struct proxied *proxied);

#endif
