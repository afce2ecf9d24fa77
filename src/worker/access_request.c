#include "worker/access_request.h"

#include "base/clock.h"
#include "ipc/end.h"

#include <errno.h>

/* The daemon answers at once, but it may be in the middle of a reload, or the machine be slow. */
#define ANSWER_TIME (10 * USEC_PER_SEC)
/* The question is asked again so often; that also bounds how long a SIGTERM that came just before
 * the wait is overlooked. */
#define PATIENCE (200 * USEC_PER_MSEC)

int access_request(struct slot *slot, int doorbell, const struct address *client,
                   const volatile sig_atomic_t *stopping)
{
    uint64_t deadline = clock_now() + ANSWER_TIME;
    int answer;

    slot->client = *client;
    atomic_store(&slot->state, SLOT_ASKING);
    while ((answer = atomic_load(&slot->answer)) == SLOT_UNANSWERED) {
        if (*stopping || clock_now() >= deadline || doorbell_ring(doorbell) < 0)
            return -ETIME;
        slot_wait(slot, PATIENCE);
    }
    return answer == SLOT_ADMITTED ? 0 : END_REFUSED;
}
