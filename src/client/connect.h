/*
 * From HOST and PORT, or a Unix path, to a connected socket.
 */
#ifndef ECHOD_CLIENT_CONNECT_H
#define ECHOD_CLIENT_CONNECT_H

#include "net/address.h"

#include <stdbool.h>

/* Where to connect to: a PATH (address_unix()), or HOST and PORT, which getaddrinfo(3) knows. */
struct target {
    const char *path; /* NULL: HOST and PORT count */
    const char *host; /* a name or an address; an IPv6 one may stand in brackets */
    const char *port; /* a number or a service name */
    int family;       /* AF_UNSPEC, AF_INET or AF_INET6 */
    int type;         /* SOCK_STREAM or SOCK_DGRAM */
};

/* An address of a target, and what became of connecting to it. */
struct attempt {
    struct address address;
    int error; /* 0 or -errno */
};

struct attempts {
    struct attempt *list; /* in the order in which they should be tried */
    size_t count;
};

/*
 * All addresses of TARGET, none twice, into FOUND, which the caller frees with attempts_free().
 * May take as long as the system's resolver does. Returns 0, or with FOUND empty and the *REASON
 * in words (static) -EINVAL (TARGET->path is none), -EPROTONOSUPPORT (its port is the name of no
 * service) or -EADDRNOTAVAIL.
 */
int target_resolve(const struct target *target, struct attempts *found, const char **reason);

void attempts_free(struct attempts *attempts);

/* How to connect. */
struct connect_plan {
    int type;         /* SOCK_STREAM or SOCK_DGRAM; a Unix socket has its own */
    bool lasting;     /* a Unix socket of datagrams will not do: a connection is wanted */
    uint64_t timeout; /* microseconds; 0 = no limit of ours */
    const struct address *source; /* the address to connect from, without a port; NULL: any */
    int dscp;                     /* of the IP header, 0 to 63 (RFC 2474); -1: as it is */
    int wake;                     /* a descriptor: once it can be read, give up; or -1 */
};

/*
 * Connects to ADDRESS within the timeout; of a Unix socket it finds out whether it is one of a
 * stream, of packets or of datagrams. Returns the socket (close-on-exec, non-blocking,
 * TCP_NODELAY), which the caller closes, or -errno; -ETIMEDOUT, -ECANCELED (.wake).
 */
int connect_address(const struct address *address, const struct connect_plan *plan);

/*
 * The same without waiting, and of the plan's type: begins, and returns such a socket or -errno.
 * Once it is writable, connect_finish() tells what became of it: 0, or -errno, and the caller
 * closes it.
 */
int connect_begin(const struct address *address, const struct connect_plan *plan);
int connect_finish(int fd, const struct address *address);

/* What the socket FD is one of: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. */
int connect_type(int fd);

#endif
