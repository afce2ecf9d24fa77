/*
 * Socket addresses: IPv4, IPv6 and Unix.
 */
#ifndef ECHOD_NET_ADDRESS_H
#define ECHOD_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Enough for "[v6%interface]:port" and for an escaped path of a Unix socket. */
#define ADDRESS_TEXT_MAX 512

struct address {
    socklen_t len;
    uint32_t user; /* of the peer of a Unix socket: its user ID plus 1; 0 if unknown */
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    };
};

/* A Unix address: an absolute path, or "@name" in the abstract namespace (unix(7)).
 * Returns 0, -EINVAL for another form, -ENAMETOOLONG. */
int address_unix(struct address *a, const char *path);

/* A numeric IPv4 or IPv6 address, in brackets or not, with or without %interface.
 * Returns 0, -EINVAL, or -ENODEV where there is no such interface. */
int address_numeric(struct address *a, const char *host, uint16_t port);

/* Whether TEXT can be the name, or number, of a network interface, whether or not there is one. */
bool address_zone_is_valid(const char *text);

/* Fills in the address of FD's own end or of its peer. Returns 0 or -errno. */
int address_local(struct address *a, int fd);
int address_peer(struct address *a, int fd);

/* Stores in A, the peer of the connected Unix socket FD, which user it is (SO_PEERCRED). */
void address_learn_user(struct address *a, int fd);

/* Turns an IPv4 address mapped into IPv6 (::ffff:a.b.c.d, RFC 4291) into the IPv4 one. */
void address_normalise(struct address *a);

bool address_equal(const struct address *a, const struct address *b);
bool address_is_ip(const struct address *a);
bool address_is_loopback(const struct address *a);

/* The port in host byte order; 0 for a Unix address. */
uint16_t address_port(const struct address *a);
void address_set_port(struct address *a, uint16_t port);

/* The bytes of an IP address, 4 or 16 (*COUNT); NULL for a Unix address. */
const uint8_t *address_bytes(const struct address *a, size_t *count);

/* As address_format(), but without port and brackets: "192.0.2.1". Returns BUF. */
const char *address_host(const struct address *a, char *buf, size_t size);

/* "192.0.2.1:7", "[2001:db8::1]:7", "unix:/path", "unix:@name" or "unix" (unnamed); BUF. */
const char *address_format(const struct address *a, char *buf, size_t size);

/* The same for a process that cannot open a socket: uses FD, any socket, to query interface names.
 */
const char *address_host_by(int fd, const struct address *a, char *buf, size_t size);
const char *address_format_by(int fd, const struct address *a, char *buf, size_t size);

/* Stores the name of the interface of the IPv6 address A in NAME (IF_NAMESIZE), or "" if it has
 * none, and returns it. Uses the socket FD for the query, or a new one if FD is -1. */
const char *address_zone(int fd, const struct address *a, char *name);

/*
 * A source, as limits count it: the addresses with the same prefix of this many bits, or the Unix
 * peers of the same user. Each link-local address is a source of its own, because the prefix is the
 * same for the whole link. Two peers are the same source if, and only if, their keys are equal.
 */
struct source_prefix {
    uint8_t ipv4, ipv6; /* 1 to 32, 1 to 128 */
};
struct source_key {
    uint16_t family;
    uint8_t bytes[16]; /* zero after the prefix */
};
struct source_key address_source(const struct address *a, const struct source_prefix *prefix);

/* An address with the kind of its socket. */
#define ADDRESS_DESCRIPTION_MAX (ADDRESS_TEXT_MAX + 16)

/* Writes ADDRESS to BUF, of ADDRESS_DESCRIPTION_MAX bytes, after the type if it is not obvious:
 * "udp ". Returns BUF. */
const char *address_describe(const struct address *address, int type, char *buf);

/* The size of an address in hex, as it is passed between our programs. The scanf(3) formats that
 * read it have 272, one less. */
#define ADDRESS_HEX_MAX 273
_Static_assert(ADDRESS_HEX_MAX > 2 * sizeof(struct sockaddr_storage), "no room for an address");

/* Writes ADDRESS without its user to BUF, of ADDRESS_HEX_MAX bytes. Returns BUF. */
const char *address_to_hex(const struct address *address, char *buf);

/* Reads what address_to_hex() has written. Returns 0 or -EINVAL. */
int address_from_hex(struct address *address, const char *text);

#endif
