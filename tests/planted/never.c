/*
 * A daemon that keeps its fork server after a crash, so that the memory layout of workers stays the
 * same. Tests use it to show that an attack succeeds without this protection.
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
