/*
 * Resolving HOST and PORT, or a Unix path, to addresses.
 */
#ifndef ECHOD_CLIENT_CONNECT_TARGET_H
#define ECHOD_CLIENT_CONNECT_TARGET_H

#include "net/address.h"

#include <stddef.h>
#include <stdint.h>

/* Where echod listens. */
#define ECHOC_DEFAULT_PORT "7777"

/* The target: a PATH (address_unix()), or HOST and PORT for getaddrinfo(3). */
struct target {
    const char *path; /* NULL: use .host and .port */
    const char *host; /* a name or an address; an IPv6 address may be in brackets */
    const char *port; /* a number or a service name */
    int family;       /* AF_UNSPEC, AF_INET or AF_INET6 */
    int type;         /* SOCK_STREAM or SOCK_DGRAM */
};

/* An address of a target, and the result of connecting to it. */
struct attempt {
    struct address address;
    uint64_t begun; /* nanoseconds; 0: it was not tried */
    int error;      /* 0 or -errno */
};

struct attempts {
    struct attempt *list; /* in the order in which they should be tried */
    size_t count;
    uint64_t begun; /* when the lookup began, microseconds */
};

/*
 * Finds all addresses of TARGET, without duplicates and with alternating families (RFC 8305, 4).
 * The caller frees FOUND with attempts_free(). Returns at DEADLINE (by clock_now(); NEVER: no
 * deadline) at the latest. Returns 0, or -errno with FOUND empty and *REASON set to a static text:
 * -EINVAL (TARGET->path is not a valid path), -ENAMETOOLONG (it is too long), -EPROTONOSUPPORT (the
 * port is no known service name), -ETIMEDOUT, -EAGAIN (the system is short of resources) or
 * -EADDRNOTAVAIL.
 */
int target_resolve(const struct target *target, uint64_t deadline, struct attempts *found,
                   const char **reason);

void attempts_free(struct attempts *attempts);

#endif
