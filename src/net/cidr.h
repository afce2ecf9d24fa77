/*
 * Address ranges in CIDR notation (RFC 4632, RFC 4291).
 */
#ifndef ECHOD_NET_CIDR_H
#define ECHOD_NET_CIDR_H

#include "net/address.h"

#include <net/if.h>

/* "IPv6%interface/128" of full length, with the NUL. */
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
 * exist. Returns 0; -EINVAL for what is no such text; -ERANGE for too many bits; -EDOM where bits
 * after the prefix are set (10.0.0.1/8: a mistake more often than not); -ENODEV for the interface
 * of an address that is not link-local.
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
    const struct cidr **index; /* made by cidrs_index(); NULL: there is none */
    size_t index_count;
};

/*
 * The widest range of LIST that A lies in, or NULL. With an index this takes a time that grows with
 * the logarithm of the number of ranges.
 */
const struct cidr *cidrs_find(const struct cidrs *list, const struct address *a);

/* The same, of a process that can open no socket: FD, any socket, knows the interfaces' names. */
const struct cidr *cidrs_find_by(int fd, const struct cidrs *list, const struct address *a);

/* Makes the index. The items must neither change nor move afterwards. */
void cidrs_index(struct cidrs *list);

/* Frees the items and the index. */
void cidrs_free(struct cidrs *list);

#endif
