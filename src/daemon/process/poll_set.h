/*
 * What a loop waits for, and what came. Only descriptors that are open are in the set: poll(2)
 * takes no more entries than RLIMIT_NOFILE allows, used or not.
 */
#ifndef ECHOD_DAEMON_PROCESS_POLL_SET_H
#define ECHOD_DAEMON_PROCESS_POLL_SET_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is ready. TAG and INDEX are whoever's who added it. */
struct ready {
    unsigned tag;
    size_t index;
    short events;
};

struct poll_set {
    struct pollfd *polled; /* owned, as are the next ones */
    struct ready *entry;
    size_t count, room;
    size_t taken; /* those before it were looked at */
};

/* Makes room for ROOM entries; ends the program if there is no memory, which is at the start. */
void poll_set_open(struct poll_set *set, size_t room);
void poll_set_close(struct poll_set *set);

/* Leaves nothing in it. */
void poll_set_clear(struct poll_set *set);

/* Adds FD, unless it is -1, to be waited for until EVENTS. */
void poll_set_add(struct poll_set *set, int fd, short events, unsigned tag, size_t index);

/* Waits until UNTIL, clock_now(), UINT64_MAX: for ever. Returns how many are ready, or -errno. */
int poll_set_wait(struct poll_set *set, uint64_t until);

/* The next of them. Returns whether there is one. */
bool poll_set_take(struct poll_set *set, struct ready *ready);

#endif
