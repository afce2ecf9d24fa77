#include "daemon/admission/waiting_list.h"

#include "base/clock.h"

#include <string.h>

/* Longer than a busy machine needs until a worker that is ending has exited. */
#define PATIENCE (250 * USEC_PER_MSEC)

static size_t places_of(const struct waiting_list *list, const struct source_key *source)
{
    size_t places = 0;

    for (size_t i = 0; i < list->count; i++)
        places += memcmp(&list->item[i].source, source, sizeof(*source)) == 0;
    return places;
}

/* Returns the latest client of the source that has the most waiting clients. */
static size_t find_greediest(const struct waiting_list *list)
{
    size_t greediest = 0, most = 0;

    for (size_t i = list->count; i-- > 0;) {
        size_t places = places_of(list, &list->item[i].source);
        if (places <= most)
            continue;
        most = places;
        greediest = i;
    }
    return greediest;
}

static struct waiting_client take(struct waiting_list *list, size_t index)
{
    struct waiting_client *item = list->item, taken = item[index];

    list->count--;
    memmove(&item[index], &item[index + 1], (list->count - index) * sizeof(*item));
    return taken;
}

struct waiting_client waiting_list_add(struct waiting_list *list,
                                       const struct waiting_client *client)
{
    struct waiting_client *last = &list->item[list->count++];

    *last = *client;
    if (last->until == 0)
        last->until = clock_now() + PATIENCE;
    return list->count > WAITING_LIST_MAX ? take(list, find_greediest(list))
                                          : (struct waiting_client){.client = -1};
}

bool waiting_list_lacks_room(const struct waiting_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->item[i].no_room)
            return true;
    return false;
}

uint64_t waiting_list_next(const struct waiting_list *list)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < list->count; i++)
        if (list->item[i].until < next)
            next = list->item[i].until;
    return next;
}
