#include "daemon/doorstep.h"

#include "base/span.h"

/* Longer than it takes a machine that has much to do to run a process that ends. */
#define PATIENCE (250 * USEC_PER_MSEC)

bool doorstep_keep(struct doorstep *doorstep, int client, const struct address *peer,
                   const struct listen_settings *listen)
{
    if (doorstep->count == DOORSTEP_PLACES)
        return false;
    doorstep->item[doorstep->count++] = (struct knocker){
        .client = client, .peer = *peer, .listen = listen, .until = clock_now() + PATIENCE};
    return true;
}

uint64_t doorstep_next(const struct doorstep *doorstep)
{
    return doorstep->count > 0 ? doorstep->item[0].until : UINT64_MAX;
}
