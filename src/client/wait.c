#include "client/wait.h"

#include "base/span.h"

uint64_t wait_earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

int wait_until(uint64_t moment)
{
    return moment == NEVER ? -1 : clock_until(moment);
}
