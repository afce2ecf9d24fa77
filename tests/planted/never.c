/*
 * A daemon whose workers keep their layout, whatever crashes: what an attack is tried against to
 * see that it works where nothing is done about it.
 */
#include "daemon/supervise/renewal.h"

bool renewal_is_urgent(size_t crashes)
{
    (void)crashes;
    return false;
}

bool renewal_is_final(size_t crashes)
{
    (void)crashes;
    return false;
}

uint64_t renewal_time(uint64_t *full_at, uint64_t now)
{
    (void)full_at;
    (void)now;
    return UINT64_MAX;
}
