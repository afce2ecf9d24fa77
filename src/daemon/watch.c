#include "daemon/watch.h"

#include "base/memory.h"

#include <stdlib.h>

void watch_open(struct watch *watch, size_t room)
{
    *watch = (struct watch){
        .polled = memory_zeroed(room, sizeof(*watch->polled)),
        .entries = memory_zeroed(room, sizeof(*watch->entries)),
        .room = room,
    };
}

void watch_close(struct watch *watch)
{
    free(watch->polled);
    free(watch->entries);
    *watch = (struct watch){0};
}

void watch_add(struct watch *watch, int fd, short events, enum watched what, size_t index)
{
    if (fd < 0 || watch->count == watch->room)
        return;
    watch->polled[watch->count] = (struct pollfd){.fd = fd, .events = events};
    watch->entries[watch->count] = (struct watched_entry){.what = what, .index = index};
    watch->count++;
}
