/*
 * A set of descriptors for poll(2), and the events that occurred. It has only open descriptors:
 * poll(2) accepts no more entries than RLIMIT_NOFILE, used or not.
 */
#ifndef ECHOD_DAEMON_PROCESS_POLL_SET_H
#define ECHOD_DAEMON_PROCESS_POLL_SET_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An event. TAG and INDEX belong to the caller of poll_set_add(). */
struct ready {
    unsigned tag;
    size_t index;
    short events;
};

struct poll_set {
    struct pollfd *polled; /* owned, as are the next ones */
    struct ready *entry;
    size_t count, room;
    size_t taken; /* entries before this one have been taken */
};

/* Makes room for ROOM entries; exits if there is no memory, which is at the start. */
void poll_set_open(struct poll_set *set, size_t room);
void poll_set_close(struct poll_set *set);

/* Empties it. */
void poll_set_clear(struct poll_set *set);

/* Adds FD, unless it is -1, with the EVENTS to wait for. */
void poll_set_add(struct poll_set *set, int fd, short events, unsigned tag, size_t index);

/* Waits until UNTIL, clock_now(), UINT64_MAX: for ever. Returns how many are ready, or -errno. */
int poll_set_wait(struct poll_set *set, uint64_t until);

/* Takes the next ready entry. Returns whether there is one. */
bool poll_set_take(struct poll_set *set, struct ready *ready);

#endif
