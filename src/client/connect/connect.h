/*
 * Connecting to an address.
 */
#ifndef ECHOD_CLIENT_CONNECT_CONNECT_H
#define ECHOD_CLIENT_CONNECT_CONNECT_H

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How to connect. */
struct connect_plan {
    int type;                     /* SOCK_STREAM or SOCK_DGRAM; a Unix socket has its own */
    bool lasting;                 /* a connection is required: rejects Unix datagram sockets */
    uint64_t deadline;            /* clock_now(), or NEVER */
    const struct address *source; /* the address to connect from, without a port; NULL: any */
    int dscp;                     /* of the IP header, 0 to 63 (RFC 2474); -1: the default */
    int wake;                     /* a descriptor: give up once it is readable; or -1 */
    const void *first;            /* a datagram of .first_len bytes; NULL: none (race.h) */
    size_t first_len;
};

/*
 * Begins to connect to ADDRESS with a socket of the plan's type. ADDRESS must be an IP address,
 * unless the plan is for datagrams. Returns a socket (close-on-exec, non-blocking) or -errno. Once
 * it is writable, connect_finish() returns the result: 0 (with TCP_NODELAY set) or -errno. The
 * caller closes the socket in either case. A socket that the kernel has connected to itself gives
 * -ECONNREFUSED.
 */
int connect_begin(const struct address *address, const struct connect_plan *plan);
int connect_finish(int fd, const struct address *address);

/*
 * Connects to the Unix socket ADDRESS, whatever its type: stream, sequenced packets or datagrams.
 * Returns a socket of that type, or -errno, among others -ETIMEDOUT or -ECANCELED (.wake).
 */
int connect_unix(const struct address *address, const struct connect_plan *plan);

/* Returns the type of the socket FD: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. */
int connect_type(int fd);

/*
 * Whether FD is connected to itself: if nothing listens on the destination port, the kernel may
 * choose it as the source port, and the socket receives what it sends.
 */
bool connect_is_to_itself(int fd);

/* Whether ERROR (-errno) is a problem of this machine: a lack of descriptors, memory or ports, or
 * an unavailable source address. */
bool connect_ran_short(int error);

#endif
