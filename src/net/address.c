#include "net/address.h"

#include "base/escape.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

int address_unix(struct address *a, const char *path)
{
    size_t len = strlen(path);

    if (path[0] != '/' && (path[0] != '@' || len < 2))
        return -EINVAL;
    if (len >= sizeof(a->un.sun_path))
        return -ENAMETOOLONG;
    *a = (struct address){.un = {.sun_family = AF_UNIX}};
    memcpy(a->un.sun_path, path, len);
    if (path[0] == '@')
        a->un.sun_path[0] = '\0'; /* abstract: the length delimits the name, not a NUL */
    a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    return 0;
}

/* Returns the index of the interface with this NAME or number, or 0 if there is none. */
static unsigned scope_of(const char *name)
{
    unsigned index = if_nametoindex(name);
    uint64_t number;

    if (index == 0 && number_parse(name, &number) == 0 && number <= UINT32_MAX)
        index = (unsigned)number;
    return index;
}

/* Removes the interface from TEXT, as in "fe80::1%eth0", and stores its index. Returns 0, or
 * -EINVAL if it does not exist. */
static int take_scope(char *text, unsigned *scope)
{
    char *percent = strchr(text, '%');

    *scope = 0;
    if (!percent)
        return 0;
    *percent = '\0';
    *scope = scope_of(percent + 1);
    return *scope > 0 ? 0 : -EINVAL;
}

/* Parses TEXT, which has no brackets, and modifies it. */
static int parse_bare(struct address *a, char *text, uint16_t port)
{
    unsigned scope;

    *a = (struct address){.len = sizeof(a->in), .in = {.sin_family = AF_INET}};
    if (inet_pton(AF_INET, text, &a->in.sin_addr) != 1) {
        *a = (struct address){.len = sizeof(a->in6), .in6 = {.sin6_family = AF_INET6}};
        if (take_scope(text, &scope) < 0 || inet_pton(AF_INET6, text, &a->in6.sin6_addr) != 1)
            return -EINVAL;
        a->in6.sin6_scope_id = scope;
    }
    address_set_port(a, port);
    return 0;
}

/* Whether TEXT is a link-local address. Its interface need not exist. */
static bool has_zone(const char *text)
{
    struct in6_addr address;
    char bare[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, "%");

    if (len >= sizeof(bare) || !text[len] || !address_zone_is_valid(text + len + 1))
        return false;
    memcpy(bare, text, len);
    bare[len] = '\0';
    return inet_pton(AF_INET6, bare, &address) == 1 &&
           (IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MC_LINKLOCAL(&address));
}

int address_numeric(struct address *a, const char *host, uint16_t port)
{
    char bare[INET6_ADDRSTRLEN + IF_NAMESIZE + 2];
    size_t len = strlen(host);
    bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    struct address parsed;

    len -= bracketed ? 2 : 0;
    if (len == 0 || len >= sizeof(bare) || (!bracketed && strchr(host, '[')))
        return -EINVAL;
    memcpy(bare, host + bracketed, len);
    bare[len] = '\0';
    bool zone = has_zone(bare);
    int r = parse_bare(&parsed, bare, port);
    if (r == 0)
        *a = parsed;
    return r < 0 && zone ? -ENODEV : r;
}

bool address_zone_is_valid(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < IF_NAMESIZE && strcspn(text, " \t\r\n\v\f/,%[]") == len;
}

/* After a failure, the length is 0, so that the bytes are not taken for an address. */
static int conclude(struct address *a, int result)
{
    if (result == 0)
        return 0;
    a->len = 0;
    return -errno;
}

int address_local(struct address *a, int fd)
{
    a->len = sizeof(a->storage);
    return conclude(a, getsockname(fd, &a->sa, &a->len));
}

int address_peer(struct address *a, int fd)
{
    a->len = sizeof(a->storage);
    return conclude(a, getpeername(fd, &a->sa, &a->len));
}

void address_learn_user(struct address *a, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid != (uid_t)-1)
        a->user = peer.uid + 1;
}

bool address_is_loopback(const struct address *a)
{
    if (a->sa.sa_family == AF_INET)
        return ntohl(a->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

void address_normalise(struct address *a)
{
    if (a->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
        return;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = a->in6.sin6_port};
    memcpy(&in.sin_addr, &a->in6.sin6_addr.s6_addr[12], sizeof(in.sin_addr));
    *a = (struct address){.len = sizeof(in), .in = in};
}

bool address_is_ip(const struct address *a)
{
    return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

const uint8_t *address_bytes(const struct address *a, size_t *count)
{
    if (!address_is_ip(a))
        return NULL;
    bool v4 = a->sa.sa_family == AF_INET;
    *count = v4 ? sizeof(a->in.sin_addr) : sizeof(a->in6.sin6_addr);
    return v4 ? (const uint8_t *)&a->in.sin_addr : a->in6.sin6_addr.s6_addr;
}

bool address_equal(const struct address *a, const struct address *b)
{
    size_t n = 0;

    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    const uint8_t *bytes = address_bytes(a, &n), *others = address_bytes(b, &n);
    if (!bytes || !others)
        return a->len == b->len && memcmp(&a->un, &b->un, a->len) == 0;
    if (a->sa.sa_family == AF_INET6 && a->in6.sin6_scope_id != b->in6.sin6_scope_id)
        return false;
    return address_port(a) == address_port(b) && memcmp(bytes, others, n) == 0;
}

uint16_t address_port(const struct address *a)
{
    if (!address_is_ip(a))
        return 0;
    return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

void address_set_port(struct address *a, uint16_t port)
{
    if (a->sa.sa_family == AF_INET)
        a->in.sin_port = htons(port);
    else if (a->sa.sa_family == AF_INET6)
        a->in6.sin6_port = htons(port);
}

static const char *unix_format(const struct address *a, char *buf, size_t size)
{
    char name[sizeof(a->un.sun_path) + 1] = "", safe[ESCAPED_SIZE(sizeof(name))];
    size_t len = a->len - offsetof(struct sockaddr_un, sun_path);

    if (a->len <= offsetof(struct sockaddr_un, sun_path)) {
        snprintf(buf, size, "unix");
        return buf;
    }
    memcpy(name, a->un.sun_path, len);
    if (name[0] == '\0')
        name[0] = '@';
    else
        len = strnlen(name, len);
    escape_bytes(safe, name, len, NULL);
    snprintf(buf, size, "unix:%s", safe);
    return buf;
}

/* Returns the name of the interface INDEX, or NULL if it has none. Uses the socket FD for the
 * query, or a new one if FD is -1. */
static const char *interface_name(int fd, unsigned index, char *name)
{
    struct ifreq request = {.ifr_ifindex = (int)index};

    if (fd < 0)
        return if_indextoname(index, name);
    if (ioctl(fd, SIOCGIFNAME, &request) < 0)
        return NULL;
    memcpy(name, request.ifr_name, IF_NAMESIZE);
    return name;
}

const char *address_zone(int fd, const struct address *a, char *name)
{
    name[0] = '\0';
    if (a->sa.sa_family != AF_INET6 || a->in6.sin6_scope_id == 0 ||
        !interface_name(fd, a->in6.sin6_scope_id, name))
        name[0] = '\0';
    return name;
}

/* Appends the interface of a link-local address: "%eth0", or its index if it has no name. */
static void append_scope(const struct address *a, int fd, char *buf, size_t size)
{
    char name[IF_NAMESIZE] = "";

    if (a->sa.sa_family != AF_INET6 || a->in6.sin6_scope_id == 0)
        return;
    if (interface_name(fd, a->in6.sin6_scope_id, name))
        text_append(buf, size, "%%%.*s", IF_NAMESIZE, name);
    else
        text_append(buf, size, "%%%u", (unsigned)a->in6.sin6_scope_id);
}

const char *address_host_by(int fd, const struct address *a, char *buf, size_t size)
{
    size_t count;

    if (!address_is_ip(a))
        return unix_format(a, buf, size);
    if (!inet_ntop(a->sa.sa_family, address_bytes(a, &count), buf, (socklen_t)size))
        snprintf(buf, size, "?");
    append_scope(a, fd, buf, size);
    return buf;
}

const char *address_host(const struct address *a, char *buf, size_t size)
{
    return address_host_by(-1, a, buf, size);
}

const char *address_format_by(int fd, const struct address *a, char *buf, size_t size)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];

    if (!address_is_ip(a))
        return unix_format(a, buf, size);
    address_host_by(fd, a, host, sizeof(host));
    snprintf(buf, size, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, (unsigned)address_port(a));
    return buf;
}

const char *address_format(const struct address *a, char *buf, size_t size)
{
    return address_format_by(-1, a, buf, size);
}

struct source_key address_source(const struct address *a, const struct source_prefix *prefix)
{
    struct source_key key = {.family = a->sa.sa_family};
    unsigned bits = a->sa.sa_family == AF_INET ? prefix->ipv4 : prefix->ipv6;
    size_t count;
    const uint8_t *bytes = address_bytes(a, &count);

    if (!bytes) {
        memcpy(key.bytes, &a->user, sizeof(a->user));
        return key;
    }
    if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr)) {
        /* Bytes 4 to 7 of a link-local address are zero (RFC 4291), so the interface index fits
         * there. */
        memcpy(key.bytes, bytes, count);
        memcpy(key.bytes + 4, &a->in6.sin6_scope_id, sizeof(a->in6.sin6_scope_id));
        return key;
    }
    memcpy(key.bytes, bytes, bits / 8);
    if (bits % 8)
        key.bytes[bits / 8] = (uint8_t)(bytes[bits / 8] & 0xff00 >> bits % 8);
    return key;
}

const char *address_describe(const struct address *address, int type, char *buf)
{
    char text[ADDRESS_TEXT_MAX];
    const char *kind = "";

    if (type == SOCK_DGRAM)
        kind = address_is_ip(address) ? "udp " : "dgram ";
    else if (type == SOCK_SEQPACKET)
        kind = "seqpacket ";
    snprintf(buf, ADDRESS_DESCRIPTION_MAX, "%s%s", kind,
             address_format(address, text, sizeof(text)));
    return buf;
}

const char *address_to_hex(const struct address *address, char *buf)
{
    const unsigned char *bytes = (const unsigned char *)&address->storage;

    for (size_t i = 0; i < address->len; i++)
        sprintf(buf + 2 * i, "%02x", (unsigned)bytes[i]);
    buf[2 * address->len] = '\0';
    return buf;
}

int address_from_hex(struct address *address, const char *text)
{
    size_t len = strlen(text) / 2;
    unsigned char *bytes = (unsigned char *)&address->storage;

    if (len > sizeof(address->storage))
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return -EINVAL;
        bytes[i] = (unsigned char)byte;
    }
    address->len = (socklen_t)len;
    return 0;
}
