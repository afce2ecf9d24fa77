/*
 * What the loop waits for. Only descriptors that are open stand in the set: poll(2) takes no more
 * entries than RLIMIT_NOFILE allows, used or not.
 */
#ifndef ECHOD_DAEMON_WATCH_H
#define ECHOD_DAEMON_WATCH_H

#include <poll.h>
#include <stddef.h>

enum watched {
    WATCHED_SIGNALS,
    WATCHED_FORK_SERVER,
    WATCHED_DOORBELL,
    WATCHED_RELOAD,
    WATCHED_CONTROL,
    WATCHED_PEER,
    WATCHED_LISTENER,
};

struct watch {
    struct pollfd *polled; /* owned, as are the next ones */
    struct watched_entry {
        enum watched what;
        size_t index; /* which of them */
    } * entries;
    size_t count, room;
};

/* Makes room for ROOM entries; ends the program if there is no memory, which is at the start. */
void watch_open(struct watch *watch, size_t room);
void watch_close(struct watch *watch);

/* Adds FD, unless it is -1, to be waited for until EVENTS. */
void watch_add(struct watch *watch, int fd, short events, enum watched what, size_t index);

#endif
