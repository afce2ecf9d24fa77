#include "daemon/supervise/renewal.h"

#include "base/clock.h"

/* A token bucket: BURST at once, then one per INTERVAL. */
#define BURST 8
#define INTERVAL (3 * USEC_PER_SEC)
#define URGENT 32
#define FINAL 64

uint64_t renewal_time(uint64_t *full_at, uint64_t now)
{
    uint64_t full = *full_at > now ? *full_at : now;

    *full_at = full + INTERVAL;
    return *full_at > now + BURST * INTERVAL ? *full_at - BURST * INTERVAL : now;
}

bool renewal_is_urgent(size_t crashes)
{
    return crashes >= URGENT;
}

bool renewal_is_final(size_t crashes)
{
    return crashes >= FINAL;
}
