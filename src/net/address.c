#include "net/address.h"

#include "base/escape.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

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
        a->un.sun_path[0] = '\0'; /* abstract: the length ends the name, not a NUL */
    a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    return 0;
}

int address_numeric(struct address *a, const char *host, uint16_t port)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char bare[INET6_ADDRSTRLEN + IF_NAMESIZE + 2];
    size_t len = strlen(host);
    bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';

    len -= bracketed ? 2 : 0;
    if (len == 0 || len >= sizeof(bare) || (!bracketed && strchr(host, '[')))
        return -EINVAL;
    memcpy(bare, host + bracketed, len);
    bare[len] = '\0';
    /* getaddrinfo(3) takes inet_aton(3)'s short forms (127.1, 0x7f000001); we do not. */
    if (!strchr(bare, ':') && inet_pton(AF_INET, bare, &(struct in_addr){0}) != 1)
        return -EINVAL;
    if (getaddrinfo(bare, NULL, &hints, &found) != 0)
        return -EINVAL;
    *a = (struct address){.len = found->ai_addrlen};
    memcpy(&a->storage, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    address_set_port(a, port);
    return 0;
}

int address_local(struct address *a, int fd)
{
    a->len = sizeof(a->storage);
    return getsockname(fd, &a->sa, &a->len) < 0 ? -errno : 0;
}

int address_peer(struct address *a, int fd)
{
    a->len = sizeof(a->storage);
    return getpeername(fd, &a->sa, &a->len) < 0 ? -errno : 0;
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
    size_t n;

    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (!address_is_ip(a))
        return a->len == b->len && memcmp(&a->un, &b->un, a->len) == 0;
    if (a->sa.sa_family == AF_INET6 && a->in6.sin6_scope_id != b->in6.sin6_scope_id)
        return false;
    return address_port(a) == address_port(b) && memcmp(address_bytes(a, &n), address_bytes(b, &n),
                                                        a->sa.sa_family == AF_INET ? 4 : 16) == 0;
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

const char *address_host(const struct address *a, char *buf, size_t size)
{
    if (!address_is_ip(a))
        return unix_format(a, buf, size);
    if (getnameinfo(&a->sa, a->len, buf, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(buf, size, "?");
    return buf;
}

const char *address_format(const struct address *a, char *buf, size_t size)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];

    if (!address_is_ip(a))
        return unix_format(a, buf, size);
    address_host(a, host, sizeof(host));
    snprintf(buf, size, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, (unsigned)address_port(a));
    return buf;
}

struct source_key address_source(const struct address *a, const struct source_prefix *prefix)
{
    struct source_key key = {.family = a->sa.sa_family};
    unsigned bits = a->sa.sa_family == AF_INET ? prefix->ipv4 : prefix->ipv6;
    size_t count;
    const uint8_t *bytes = address_bytes(a, &count);

    if (!bytes)
        return key;
    memcpy(key.bytes, bytes, bits / 8);
    if (bits % 8)
        key.bytes[bits / 8] = (uint8_t)(bytes[bits / 8] & 0xff00 >> bits % 8);
    return key;
}
