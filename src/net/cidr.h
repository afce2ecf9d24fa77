/*
 * Address ranges in CIDR notation (RFC 4632, RFC 4291).
 */
#ifndef ECHOD_NET_CIDR_H
#define ECHOD_NET_CIDR_H

#include "net/address.h"

/* "[IPv6]/128" of full length, with the NUL. */
#define CIDR_TEXT_MAX (INET6_ADDRSTRLEN + 4)

struct cidr {
    uint16_t family;
    uint8_t prefix; /* bits */
    uint8_t bytes[16];
};

/*
 * Parses "ADDRESS" or "ADDRESS/BITS".
 * Returns 0; -EINVAL for what is no such text; -ERANGE for too many bits; -EDOM where bits
 * behind the prefix are set (10.0.0.1/8: a mistake more often than not).
 */
int cidr_parse(struct cidr *c, const char *text);

/* The text of C, without "/32" or "/128" for a single address, none that cidr_parse() takes is
 * shorter; BUF. */
const char *cidr_format(const struct cidr *c, char *buf, size_t size);

/* Whether the IP address A (normalised) lies in C. A Unix address lies in none. */
bool cidr_contains(const struct cidr *c, const struct address *a);

struct cidrs {
    struct cidr *item;
    size_t count;
};

/* The first of LIST that A lies in, or NULL. */
const struct cidr *cidrs_find(const struct cidrs *list, const struct address *a);

#endif
