/*
 * The reports that are not sent yet: one message carries many.
 */
#ifndef ECHOD_FORKSERVER_OUTBOX_H
#define ECHOD_FORKSERVER_OUTBOX_H

#include "ipc/report.h"

#include <stdbool.h>

/* How long a start may wait for its end: each message wakes the daemon. */
#define OUTBOX_MSEC 1

struct outbox {
    int channel; /* not owned */
    struct report list[REPORTS_MAX];
    uint64_t added[REPORTS_MAX]; /* clock_now() */
    size_t count;
    char encoded[REPORTS_SIZE]; /* not on the stack, of which a fork copies each page that is
                                   written */
    bool urgent; /* one of them must be sent as soon as there is nothing else to do */
};

/* Whether there is room for one more. */
bool outbox_has_room(const struct outbox *outbox);

/* Adds REPORT; there must be room. The start of a worker may wait for its end. */
void outbox_add(struct outbox *outbox, const struct report *report);

/* Whether they must be sent before anything else. */
bool outbox_is_overdue(const struct outbox *outbox);

/* Sends all of them. Returns 0, -EAGAIN: the daemon has no room now; -EPIPE: it is gone; or another
 * -errno. */
int outbox_flush(struct outbox *outbox);

#endif
