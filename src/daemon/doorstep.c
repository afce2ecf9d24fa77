#include "daemon/doorstep.h"

#include "base/clock.h"

#include <string.h>

/* Longer than it takes a machine that has much to do to run a process that ends. */
#define PATIENCE (250 * USEC_PER_MSEC)

static size_t places_of(const struct doorstep *doorstep, const struct source_key *source)
{
    size_t places = 0;

    for (size_t i = 0; i < doorstep->count; i++)
        places += memcmp(&doorstep->item[i].source, source, sizeof(*source)) == 0;
    return places;
}

/* The last to come of the source that has most places. */
static size_t find_greediest(const struct doorstep *doorstep)
{
    size_t greediest = 0, most = 0;

    for (size_t i = doorstep->count; i-- > 0;) {
        size_t places = places_of(doorstep, &doorstep->item[i].source);
        if (places <= most)
            continue;
        most = places;
        greediest = i;
    }
    return greediest;
}

static struct knocker take(struct doorstep *doorstep, size_t index)
{
    struct knocker *item = doorstep->item, taken = item[index];

    doorstep->count--;
    memmove(&item[index], &item[index + 1], (doorstep->count - index) * sizeof(*item));
    return taken;
}

struct knocker doorstep_keep(struct doorstep *doorstep, const struct knocker *knocker)
{
    struct knocker *last = &doorstep->item[doorstep->count++];

    *last = *knocker;
    if (last->until == 0)
        last->until = clock_now() + PATIENCE;
    return doorstep->count > DOORSTEP_PLACES ? take(doorstep, find_greediest(doorstep))
                                             : (struct knocker){.client = -1};
}

bool doorstep_lacks_room(const struct doorstep *doorstep)
{
    for (size_t i = 0; i < doorstep->count; i++)
        if (doorstep->item[i].no_room)
            return true;
    return false;
}

uint64_t doorstep_next(const struct doorstep *doorstep)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < doorstep->count; i++)
        if (doorstep->item[i].until < next)
            next = doorstep->item[i].until;
    return next;
}
