#include "worker/datagram_rules.h"

#include <string.h>

#define FIRST_UNPRIVILEGED 1024

static bool is_own_port(const struct ports *own, uint16_t port)
{
    for (size_t i = 0; i < own->count; i++)
        if (own->item[i] == port)
            return true;
    return false;
}

/* Excludes 0.0.0.0/8, multicast, and the reserved range above it, which includes broadcast. */
static bool is_ipv4_host(const uint8_t *bytes)
{
    return bytes[0] != 0 && bytes[0] < 224;
}

static bool is_ipv6_host(const uint8_t *bytes)
{
    static const uint8_t unspecified[16];

    return bytes[0] != 0xff && memcmp(bytes, unspecified, sizeof(unspecified)) != 0;
}

/* Whether A can be the address of a single host, judging by the address alone. */
static bool is_host(const struct address *a)
{
    size_t count = 0;
    const uint8_t *bytes = address_bytes(a, &count);

    return !bytes || (count == 4 ? is_ipv4_host(bytes) : is_ipv6_host(bytes));
}

enum datagram_counter datagram_judge(const struct ports *own, const struct address *source,
                                     const struct address *to, bool unicast)
{
    uint16_t port = address_port(source);

    if (!unicast || !is_host(source) || !is_host(to))
        return COUNTER_NOT_UNICAST;
    if (port < FIRST_UNPRIVILEGED)
        return COUNTER_LOW_PORT;
    if (is_own_port(own, port))
        return COUNTER_OWN_PORT;
    return DATAGRAM_COUNTERS;
}
