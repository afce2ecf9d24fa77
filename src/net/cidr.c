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

const char *cidr_format(const struct cidr *c, char *buf, size_t size)
{
    unsigned full = c->family == AF_INET ? 32 : 128;

    if (!inet_ntop(c->family, c->bytes, buf, (socklen_t)size))
        snprintf(buf, size, "?");
    if (c->family == AF_INET6 && strchr(buf, '.')) /* ::a.b.c.d would be longer than ::x:y */
        snprintf(buf, size, "::%x:%x", c->bytes[12] << 8 | c->bytes[13],
                 c->bytes[14] << 8 | c->bytes[15]);
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
