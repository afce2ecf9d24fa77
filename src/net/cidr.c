#include "net/cidr.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Whether A and B are equal in their first BITS bits. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* Whether all of the COUNT bytes at BYTES behind the first BITS bits are zero. */
static bool clean_host_part(const uint8_t *bytes, size_t count, unsigned bits)
{
    for (size_t bit = bits; bit < 8 * count; bit++)
        if (bytes[bit / 8] & (0x80 >> bit % 8))
            return false;
    return true;
}

int cidr_parse(struct cidr *c, const char *text)
{
    char host[CIDR_TEXT_MAX];
    size_t len = strcspn(text, "/"), count = 0;
    struct address a;

    if (len >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    if (strchr(host, '%') || address_numeric(&a, host, 0) < 0)
        return -EINVAL;
    bool six = a.sa.sa_family == AF_INET6;
    address_normalise(&a);
    const uint8_t *bytes = address_bytes(&a, &count);
    uint64_t bits = six ? 128 : 32;
    int r = text[len] == '/' ? number_parse(text + len + 1, &bits) : 0;
    if (r == -EINVAL)
        return r;
    if (six && count == 4) /* ::ffff:192.0.2.0/120 is 192.0.2.0/24 */
        bits = bits < 96 || bits > 128 ? UINT64_MAX : bits - 96;
    if (r < 0 || bits > 8 * count)
        return -ERANGE;
    if (!clean_host_part(bytes, count, (unsigned)bits))
        return -EDOM;
    *c = (struct cidr){.family = a.sa.sa_family, .prefix = (uint8_t)bits};
    memcpy(c->bytes, bytes, count);
    return 0;
}

/* The run of zero groups of GROUPS, from *FIRST on, that "::" shortens most, and its length; 0 if
 * it shortens none: a single one at an end. */
static size_t find_zeros(const uint16_t groups[8], size_t *first)
{
    size_t length = 0, saved = 0;

    for (size_t i = 0, end; i < 8; i = end + 1) {
        for (end = i; end < 8 && groups[end] == 0; end++)
            ;
        size_t saving = end == i ? 0 : 2 * (end - i) - 1 - (i == 0 || end == 8);
        if (saving <= saved)
            continue;
        saved = saving;
        length = end - i;
        *first = i;
    }
    return length;
}

/* An IPv6 address in the fewest characters: RFC 5952 spends one more on a single zero group. */
static void format_ipv6(const uint8_t bytes[16], char *buf, size_t size)
{
    uint16_t groups[8];
    size_t first = 8;

    for (size_t i = 0; i < 8; i++)
        groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    size_t zeros = find_zeros(groups, &first);
    buf[0] = '\0';
    for (size_t i = 0; i < 8; i++) {
        if (i >= first && i < first + zeros)
            text_append(buf, size, "%s", i == first ? "::" : "");
        else
            text_append(buf, size, "%s%x", i == 0 || i == first + zeros ? "" : ":", groups[i]);
    }
}

const char *cidr_format(const struct cidr *c, char *buf, size_t size)
{
    unsigned full = c->family == AF_INET ? 32 : 128;

    if (c->family == AF_INET6)
        format_ipv6(c->bytes, buf, size);
    else if (!inet_ntop(c->family, c->bytes, buf, (socklen_t)size))
        snprintf(buf, size, "?");
    if (c->prefix < full)
        text_append(buf, size, "/%u", (unsigned)c->prefix);
    return buf;
}

bool cidr_contains(const struct cidr *c, const struct address *a)
{
    size_t count;
    const uint8_t *bytes = address_bytes(a, &count);

    return bytes && a->sa.sa_family == c->family && same_prefix(bytes, c->bytes, c->prefix);
}

const struct cidr *cidrs_find(const struct cidrs *list, const struct address *a)
{
    for (size_t i = 0; i < list->count; i++)
        if (cidr_contains(&list->item[i], a))
            return &list->item[i];
    return NULL;
}
