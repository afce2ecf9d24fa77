#include "daemon/process/poll_set.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

void poll_set_open(struct poll_set *set, size_t room)
{
    *set = (struct poll_set){
        .polled = memory_zeroed(room, sizeof(*set->polled)),
        .entry = memory_zeroed(room, sizeof(*set->entry)),
        .room = room,
    };
}

void poll_set_close(struct poll_set *set)
{
    free(set->polled);
    free(set->entry);
    *set = (struct poll_set){0};
}

void poll_set_clear(struct poll_set *set)
{
    set->count = set->taken = 0;
}

void poll_set_add(struct poll_set *set, int fd, short events, unsigned tag, size_t index)
{
    if (fd < 0 || set->count == set->room)
        return;
    set->polled[set->count] = (struct pollfd){.fd = fd, .events = events};
    set->entry[set->count] = (struct ready){.tag = tag, .index = index};
    set->count++;
}

int poll_set_wait(struct poll_set *set, uint64_t until)
{
    int ready = poll(set->polled, set->count, clock_timeout(until));

    set->taken = ready > 0 ? 0 : set->count;
    return ready < 0 ? -errno : ready;
}

bool poll_set_take(struct poll_set *set, struct ready *ready)
{
    while (set->taken < set->count) {
        size_t i = set->taken++;
        if (set->polled[i].revents == 0)
            continue;
        *ready = set->entry[i];
        ready->events = set->polled[i].revents;
        return true;
    }
    return false;
}
