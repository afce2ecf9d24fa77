#include "client/io/wait.h"

#include "base/clock.h"

#include <time.h>

#define NSEC_PER_SEC UINT64_C(1000000000)

int wait_poll(struct pollfd *set, nfds_t count, uint64_t moment)
{
    uint64_t now = clock_nanoseconds(), left = moment > now ? moment - now : 0;
    struct timespec time = {
        .tv_sec = (time_t)(left / NSEC_PER_SEC),
        .tv_nsec = (long)(left % NSEC_PER_SEC),
    };

    return ppoll(set, count, moment == NEVER ? NULL : &time, NULL);
}
