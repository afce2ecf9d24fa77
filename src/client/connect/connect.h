/*
 * From an address to a connected socket.
 */
#ifndef ECHOD_CLIENT_CONNECT_CONNECT_H
#define ECHOD_CLIENT_CONNECT_CONNECT_H

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How to connect. */
struct connect_plan {
    int type;          /* SOCK_STREAM or SOCK_DGRAM; a Unix socket has its own */
    bool lasting;      /* a Unix socket of datagrams will not do: a connection is wanted */
    uint64_t deadline; /* of clock_now(); NEVER */
    const struct address *source; /* the address to connect from, without a port; NULL: any */
    int dscp;                     /* of the IP header, 0 to 63 (RFC 2474); -1: as it is */
    int wake;                     /* a descriptor: once it can be read, give up; or -1 */
    const void *first;            /* a datagram of .first_len bytes; NULL: none (race.h) */
    size_t first_len;
};

/*
 * Begins to connect to ADDRESS, which is an IP address or, for a plan of datagrams, any; the type
 * is the plan's. Returns a socket (close-on-exec, non-blocking) or -errno. Once it is writable,
 * connect_finish() returns what became of it: 0 (with TCP_NODELAY set), or -errno; the caller
 * closes it in either case. A socket that the kernel has connected to itself is -ECONNREFUSED.
 */
int connect_begin(const struct address *address, const struct connect_plan *plan);
int connect_finish(int fd, const struct address *address);

/*
 * Connects to the Unix socket ADDRESS and finds out whether it is one of a stream, of packets or of
 * datagrams. Returns such a socket or -errno; -ETIMEDOUT, -ECANCELED (.wake).
 */
int connect_unix(const struct address *address, const struct connect_plan *plan);

/* What the socket FD is one of: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. */
int connect_type(int fd);

/*
 * Whether FD is connected to itself: the kernel may choose the destination's port as the source's
 * where nobody listens on it, and what is sent then comes back.
 */
bool connect_is_to_itself(int fd);

/* Whether ERROR (-errno) means that our own system ran short of something: descriptors, memory,
 * ports, or has no such source address. */
bool connect_ran_short(int error);

#endif
