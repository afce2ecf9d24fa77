/*
 * Address ranges in CIDR notation (RFC 4632, RFC 4291).
 */
#ifndef ECHOD_NET_CIDR_H
#define ECHOD_NET_CIDR_H

#include "net/address.h"

#include <net/if.h>

/* The longest "IPv6%interface/128", including the NUL. */
#define CIDR_TEXT_MAX (INET6_ADDRSTRLEN + IF_NAMESIZE + 4)

struct cidr {
    uint16_t family;
    uint8_t prefix; /* bits */
    uint8_t bytes[16];
    char zone[IF_NAMESIZE]; /* the interface of a link-local range; empty: any */
    unsigned line;          /* of the configuration; 0: unknown */
};

/*
 * Parses "ADDRESS" or "ADDRESS/BITS"; a link-local ADDRESS may end in "%INTERFACE", which need not
 * exist. Returns 0; -EINVAL for any other text; -ERANGE for too many bits; -EDOM if bits after the
 * prefix are set (10.0.0.1/8 is usually a mistake); -ENODEV for an interface with an address that
 * is not link-local.
 */
int cidr_parse(struct cidr *c, const char *text);

/* Formats C in the shortest form that cidr_parse() accepts, without "/32" or "/128" for a single
 * address. Returns BUF. */
const char *cidr_format(const struct cidr *c, char *buf, size_t size);

/* Whether C contains the IP address A (normalised). No range contains a Unix address. */
bool cidr_contains(const struct cidr *c, const struct address *a);

struct cidrs {
    struct cidr *item;
    size_t count;
    const struct cidr **index; /* made by cidrs_index(); NULL: there is none */
    size_t index_count;
};

/*
 * Returns the widest range of LIST that contains A, or NULL. With an index, the time is logarithmic
 * in the number of ranges.
 */
const struct cidr *cidrs_find(const struct cidrs *list, const struct address *a);

/* The same for a process that cannot open a socket: uses FD, any socket, to query interface names.
 */
const struct cidr *cidrs_find_by(int fd, const struct cidrs *list, const struct address *a);

/* Builds the index. Afterwards, the items must neither change nor move. */
void cidrs_index(struct cidrs *list);

/* Frees the items and the index. */
void cidrs_free(struct cidrs *list);

#endif
