#include "base/clock.h"

#include <limits.h>
#include <time.h>

uint64_t clock_nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC * NSEC_PER_USEC + (uint64_t)now.tv_nsec;
}

uint64_t clock_now(void)
{
    return clock_nanoseconds() / NSEC_PER_USEC;
}

int clock_timeout(uint64_t deadline)
{
    uint64_t now = clock_now();

    if (deadline == UINT64_MAX)
        return -1;
    if (now >= deadline)
        return 0;
    uint64_t left = (deadline - now - 1) / USEC_PER_MSEC + 1;
    return left < INT_MAX ? (int)left : INT_MAX;
}

uint64_t clock_earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
