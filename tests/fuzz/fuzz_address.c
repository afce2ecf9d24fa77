/*
 * Addresses and ranges from a configuration: those that are accepted are printed so that they can
 * be read again with the same value.
 */
#include "base/escape.h"
#include "base/text.h"
#include "net/address.h"
#include "net/cidr.h"

#include "fuzz.h"

#include <errno.h>

/* Parses the address that address_format() wrote as TEXT: "HOST:PORT". */
static struct address read_back(char *text)
{
    char *colon = strrchr(text, ':');
    struct address address;
    uint64_t port;

    fuzz_check(colon && number_parse(colon + 1, &port) == 0 && port <= UINT16_MAX);
    *colon = '\0';
    fuzz_check(address_numeric(&address, text, (uint16_t)port) == 0);
    return address;
}

static void check_numeric(const char *text, uint16_t port)
{
    char shown[ADDRESS_TEXT_MAX], host[ADDRESS_TEXT_MAX];
    struct address a, b;
    int r = address_numeric(&a, text, port);

    fuzz_check(r == 0 || r == -EINVAL || r == -ENODEV);
    if (r < 0)
        return;
    fuzz_check(address_is_ip(&a) && address_port(&a) == port);
    fuzz_check(address_numeric(&b, address_host(&a, host, sizeof(host)), port) == 0);
    fuzz_check(address_equal(&a, &b));
    address_format(&a, shown, sizeof(shown));
    fuzz_check(fuzz_is_printable(shown) && strlen(shown) < sizeof(shown) - 1);
    b = read_back(shown);
    fuzz_check(address_equal(&a, &b));
}

static void check_unix(const char *text)
{
    char shown[ADDRESS_TEXT_MAX];
    struct address a, b;
    int r = address_unix(&a, text);

    fuzz_check(r == 0 || r == -EINVAL || r == -ENAMETOOLONG);
    if (r < 0)
        return;
    fuzz_check(!address_is_ip(&a) && a.len <= sizeof(a.un));
    address_format(&a, shown, sizeof(shown));
    fuzz_check(fuzz_is_printable(shown) && strncmp(shown, "unix:", 5) == 0);
    fuzz_check(unescape_text(shown, shown + 5) == (int)strlen(text) && strcmp(shown, text) == 0);
    fuzz_check(address_unix(&b, shown) == 0 && address_equal(&a, &b));
}

/* The address of C with the bit FLIPPED inverted (negative: none). */
static struct address member(const struct cidr *c, int flipped)
{
    struct address a = {.len = sizeof(a.in), .in = {.sin_family = AF_INET}};
    uint8_t bytes[16];

    memcpy(bytes, c->bytes, sizeof(bytes));
    if (flipped >= 0)
        bytes[flipped / 8] ^= (uint8_t)(0x80 >> flipped % 8);
    if (c->family == AF_INET) {
        memcpy(&a.in.sin_addr, bytes, sizeof(a.in.sin_addr));
    } else {
        a = (struct address){.len = sizeof(a.in6), .in6 = {.sin6_family = AF_INET6}};
        memcpy(&a.in6.sin6_addr, bytes, sizeof(a.in6.sin6_addr));
    }
    return a;
}

/* An address is in the range if and only if the bits of the prefix are equal. */
static void check_members(const struct cidr *c)
{
    int bits = c->family == AF_INET ? 32 : 128;

    for (int flipped = -1; flipped < bits; flipped++) {
        struct address a = member(c, flipped);
        fuzz_check(cidr_contains(c, &a) == (flipped < 0 || flipped >= c->prefix));
    }
}

static void check_cidr(const char *text)
{
    char shown[CIDR_TEXT_MAX];
    struct cidr a, b;
    int r = cidr_parse(&a, text);

    fuzz_check(r == 0 || r == -EINVAL || r == -ERANGE || r == -EDOM || r == -ENODEV);
    if (r < 0)
        return;
    fuzz_check(cidr_parse(&b, cidr_format(&a, shown, sizeof(shown))) == 0);
    fuzz_check(a.family == b.family && a.prefix == b.prefix);
    fuzz_check(memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0);
    fuzz_check(strcmp(a.zone, b.zone) == 0);
    a.zone[0] = '\0'; /* the interfaces depend on the machine */
    check_members(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    check_numeric(text, (uint16_t)(size * 257));
    check_unix(text);
    check_cidr(text);
    free(text);
    return 0;
}
