#include "net/cidr.h"

#include "base/memory.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether A and B are equal in their first BITS bits. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* Whether the COUNT bytes at BYTES are all zero after the first BITS bits. */
static bool clean_host_part(const uint8_t *bytes, size_t count, unsigned bits)
{
    for (size_t bit = bits; bit < 8 * count; bit++)
        if (bytes[bit / 8] & (0x80 >> bit % 8))
            return false;
    return true;
}

static bool is_link_local(const struct address *a)
{
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr);
}

/* Moves the zone of HOST to ZONE, as an interface name if there is one. Returns 0 or -EINVAL. */
static int split_zone(char *host, char zone[IF_NAMESIZE])
{
    char *percent = strchr(host, '%');

    zone[0] = '\0';
    if (!percent)
        return 0;
    *percent = '\0';
    if (!address_zone_is_valid(percent + 1))
        return -EINVAL;
    uint64_t number;
    if (number_parse(percent + 1, &number) < 0 || number > UINT32_MAX ||
        !if_indextoname((unsigned)number, zone))
        snprintf(zone, IF_NAMESIZE, "%s", percent + 1);
    return 0;
}

/* Stores the prefix length in *BITS. TEXT is what follows the address: "/BITS" or nothing. */
static int parse_bits(const char *text, bool six, size_t count, uint64_t *bits)
{
    *bits = six ? 128 : 32;
    int r = text[0] == '/' ? number_parse(text + 1, bits) : 0;

    if (r == -EINVAL)
        return r;
    if (six && count == 4) /* ::ffff:192.0.2.0/120 is 192.0.2.0/24 */
        *bits = *bits < 96 || *bits > 128 ? UINT64_MAX : *bits - 96;
    return r < 0 || *bits > 8 * count ? -ERANGE : 0;
}

int cidr_parse(struct cidr *c, const char *text)
{
    char host[CIDR_TEXT_MAX], zone[IF_NAMESIZE] = ""; /* all bytes, as they go to workers */
    size_t len = strcspn(text, "/"), count = 0;
    struct address a;
    uint64_t bits;

    if (len >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    if (split_zone(host, zone) < 0 || address_numeric(&a, host, 0) < 0)
        return -EINVAL;
    if (zone[0] && !is_link_local(&a))
        return -ENODEV;
    bool six = a.sa.sa_family == AF_INET6;
    address_normalise(&a);
    const uint8_t *bytes = address_bytes(&a, &count);
    int r = parse_bits(text + len, six, count, &bits);
    if (r < 0)
        return r;
    if (!clean_host_part(bytes, count, (unsigned)bits))
        return -EDOM;
    *c = (struct cidr){.family = a.sa.sa_family, .prefix = (uint8_t)bits};
    memcpy(c->bytes, bytes, count);
    memcpy(c->zone, zone, sizeof(zone));
    return 0;
}

/* Finds the run of zero groups that "::" shortens most. Returns its length, or 0 if "::" would not
 * shorten the address (one zero group at either end), and its start in *FIRST. */
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

/* Formats the address in as few characters as possible. Differs from RFC 5952 in that a single zero
 * group also becomes "::", which saves a character. */
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
    if (c->zone[0])
        text_append(buf, size, "%%%s", c->zone);
    if (c->prefix < full)
        text_append(buf, size, "/%u", (unsigned)c->prefix);
    return buf;
}

/* Returns the name of the interface of a link-local A, or "" for other addresses. */
static const char *zone_of(int fd, const struct address *a, char name[IF_NAMESIZE])
{
    name[0] = '\0';
    return is_link_local(a) ? address_zone(fd, a, name) : name;
}

static bool in_zone(int fd, const struct cidr *c, const struct address *a)
{
    char name[IF_NAMESIZE];

    return c->zone[0] == '\0' || strcmp(c->zone, zone_of(fd, a, name)) == 0;
}

static bool contains(int fd, const struct cidr *c, const struct address *a)
{
    size_t count;
    const uint8_t *bytes = address_bytes(a, &count);

    return bytes && a->sa.sa_family == c->family && same_prefix(bytes, c->bytes, c->prefix) &&
           in_zone(fd, c, a);
}

bool cidr_contains(const struct cidr *c, const struct address *a)
{
    return contains(-1, c, a);
}

/* ---- lists ---- */

/* Orders by family, zone and bytes; of two with the same first address, the wider one is first. */
static int compare(const struct cidr *a, const struct cidr *b)
{
    int r = (int)a->family - (int)b->family;

    r = r ? r : strcmp(a->zone, b->zone);
    r = r ? r : memcmp(a->bytes, b->bytes, sizeof(a->bytes));
    return r ? r : (int)a->prefix - (int)b->prefix;
}

static int compare_entries(const void *a, const void *b)
{
    const struct cidr *first = *(const struct cidr *const *)a;
    const struct cidr *second = *(const struct cidr *const *)b;
    int r = compare(first, second);

    return r ? r : (first > second) - (first < second); /* equal: keep the order of the list */
}

static bool covers(const struct cidr *wide, const struct cidr *c)
{
    return wide->family == c->family && wide->prefix <= c->prefix &&
           strcmp(wide->zone, c->zone) == 0 && same_prefix(wide->bytes, c->bytes, wide->prefix);
}

/* Removes ranges that are contained in another one. The rest of each zone does not overlap, so only
 * the last range that begins at or before an address can contain it. */
void cidrs_index(struct cidrs *list)
{
    free(list->index);
    list->index = NULL;
    list->index_count = 0;
    if (list->count == 0)
        return;
    list->index = memory_zeroed(list->count, sizeof(*list->index));
    for (size_t i = 0; i < list->count; i++)
        list->index[i] = &list->item[i];
    qsort(list->index, list->count, sizeof(*list->index), compare_entries);
    for (size_t i = 0; i < list->count; i++)
        if (list->index_count == 0 || !covers(list->index[list->index_count - 1], list->index[i]))
            list->index[list->index_count++] = list->index[i];
}

/* Returns the range of ZONE that contains A, or NULL. */
static const struct cidr *search(const struct cidrs *list, const struct address *a,
                                 const char *zone)
{
    struct cidr wanted = {.family = a->sa.sa_family, .prefix = UINT8_MAX};
    size_t low = 0, high = list->index_count, count;
    const uint8_t *bytes = address_bytes(a, &count);

    memcpy(wanted.bytes, bytes, count);
    memcpy(wanted.zone, zone, strlen(zone));
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(list->index[middle], &wanted) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && covers(list->index[low - 1], &wanted) ? list->index[low - 1] : NULL;
}

/* For lists without an index. */
static const struct cidr *find_widest(int fd, const struct cidrs *list, const struct address *a)
{
    const struct cidr *found = NULL;

    for (size_t i = 0; i < list->count; i++)
        if (contains(fd, &list->item[i], a) && (!found || list->item[i].prefix < found->prefix))
            found = &list->item[i];
    return found;
}

const struct cidr *cidrs_find_by(int fd, const struct cidrs *list, const struct address *a)
{
    char zone[IF_NAMESIZE];

    if (!list->index)
        return find_widest(fd, list, a);
    if (!address_is_ip(a))
        return NULL;
    const struct cidr *found = search(list, a, "");
    return found || !zone_of(fd, a, zone)[0] ? found : search(list, a, zone);
}

const struct cidr *cidrs_find(const struct cidrs *list, const struct address *a)
{
    return cidrs_find_by(-1, list, a);
}

void cidrs_free(struct cidrs *list)
{
    free(list->item);
    free(list->index);
    *list = (struct cidrs){0};
}
