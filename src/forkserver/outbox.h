/*
 * The reports that are still to be sent: many go in one message.
 */
#ifndef ECHOD_FORKSERVER_OUTBOX_H
#define ECHOD_FORKSERVER_OUTBOX_H

#include "ipc/report.h"

#include <stdbool.h>

struct outbox {
    int channel; /* not owned */
    struct report list[REPORTS_MAX];
    size_t count;
    bool urgent; /* one of them is not to wait for others */
};

/* Whether there is room for one more. */
bool outbox_has_room(const struct outbox *outbox);

/* Adds REPORT; there must be room. That a worker has started may wait a moment for its end. */
void outbox_add(struct outbox *outbox, const struct report *report);

/* Sends all of them. Returns 0, -EAGAIN: the daemon has no room now; -EPIPE: it is gone; or another
 * -errno. */
int outbox_flush(struct outbox *outbox);

/* Leaves nothing of them in memory: in a worker, whose business others are not. */
void outbox_forget(struct outbox *outbox);

#endif
