#include "worker/access_request.h"

#include "base/clock.h"
#include "ipc/end.h"

#include <errno.h>

/* The daemon answers at once unless it is reloading or the machine is slow. */
#define ANSWER_TIME (10 * USEC_PER_SEC)
/* How often to repeat the request. Also bounds the delay of a SIGTERM that arrived just before the
 * wait. */
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
