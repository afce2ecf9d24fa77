#include "client/connect/proxy_header.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The signature of version 2, section 2.2. */
static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";

#define V2_LOCAL 0x20
#define V2_PROXY 0x21
#define V2_TCP4 0x11
#define V2_TCP6 0x21

/* Parses ADDR:PORT, with an IPv6 address in brackets. */
static int parse_source(const char *text, struct address *source)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;

    if (!colon || number_parse(colon + 1, &port) < 0 || port > UINT16_MAX)
        return -EINVAL;
    size_t len = (size_t)(colon - text);
    char host[INET6_ADDRSTRLEN + 2];
    if (len >= sizeof(host) || (memchr(text, ':', len) && text[0] != '['))
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    return address_numeric(source, host, (uint16_t)port);
}

int proxy_header_parse(const char *text, struct proxy *proxy)
{
    struct proxy parsed = {0};

    if (text[0] != 'v' || (text[1] != '1' && text[1] != '2'))
        return -EINVAL;
    parsed.version = text[1] - '0';
    if (text[2] != '\0' && text[2] != '=')
        return -EINVAL;
    if (text[2] == '=' && parse_source(text + 3, &parsed.source) < 0)
        return -EINVAL;
    *proxy = parsed;
    return 0;
}

/* Makes an IPv4 address v4-mapped (RFC 4291, 2.5.5.2). */
static void widen(struct address *a)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = a->in.sin_port};

    if (a->sa.sa_family != AF_INET)
        return;
    in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&in6.sin6_addr.s6_addr[12], &a->in.sin_addr, sizeof(a->in.sin_addr));
    *a = (struct address){.len = sizeof(in6), .in6 = in6};
}

static void put_port(uint8_t **at, const struct address *a)
{
    uint16_t port = htons(address_port(a));

    memcpy(*at, &port, sizeof(port));
    *at += sizeof(port);
}

static void put_bytes(uint8_t **at, const struct address *a)
{
    size_t count;
    const uint8_t *bytes = address_bytes(a, &count);

    memcpy(*at, bytes, count);
    *at += count;
}

/* If FROM is NULL, writes a LOCAL header, for a connection of the proxy itself. */
static size_t write_v2(const struct address *from, const struct address *to, uint8_t *buf)
{
    uint8_t *at = buf + sizeof(signature) + 4;

    memcpy(buf, signature, sizeof(signature));
    buf[12] = from ? V2_PROXY : V2_LOCAL;
    buf[13] = from ? (from->sa.sa_family == AF_INET ? V2_TCP4 : V2_TCP6) : 0;
    if (from) {
        put_bytes(&at, from);
        put_bytes(&at, to);
        put_port(&at, from);
        put_port(&at, to);
    }
    uint16_t len = htons((uint16_t)(at - buf - 16));
    memcpy(buf + 14, &len, sizeof(len));
    return (size_t)(at - buf);
}

static size_t write_v1(const struct address *from, const struct address *to, char *buf)
{
    char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
    size_t count;

    if (!from)
        return (size_t)snprintf(buf, PROXY_HEADER_MAX, "PROXY UNKNOWN\r\n");
    int family = from->sa.sa_family;
    inet_ntop(family, address_bytes(from, &count), source, sizeof(source));
    inet_ntop(family, address_bytes(to, &count), destination, sizeof(destination));
    return (size_t)snprintf(buf, PROXY_HEADER_MAX, "PROXY TCP%c %s %s %u %u\r\n",
                            family == AF_INET ? '4' : '6', source, destination,
                            (unsigned)address_port(from), (unsigned)address_port(to));
}

size_t proxy_header_write(const struct proxy *proxy, const struct address *local,
                          const struct address *peer, void *buf)
{
    struct address from = proxy->source.len > 0 ? proxy->source : *local, to = *peer;
    bool known = address_is_ip(&from);

    if (known && !address_is_ip(&to))
        to = (struct address){.len = sizeof(to.in), .in = {.sin_family = AF_INET}};
    if (known && from.sa.sa_family != to.sa.sa_family) {
        widen(&from);
        widen(&to);
    }
    if (proxy->version == 1)
        return write_v1(known ? &from : NULL, &to, buf);
    return write_v2(known ? &from : NULL, &to, buf);
}
