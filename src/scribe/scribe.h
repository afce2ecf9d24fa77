/*
 * The scribe: the one process that writes records down, and may block on it.
 *
 * The daemon's records come over a queue, a channel of which the daemon holds both ends: what is
 * queued outlives a scribe that dies, and the next one goes on with it. A worker has a message
 * stored over a connection of its own (ipc/store.h), which the daemon makes, and keeps for the next
 * scribe; and it cannot forge a record of the daemon.
 */
#ifndef ECHOD_SCRIBE_SCRIBE_H
#define ECHOD_SCRIBE_SCRIBE_H

#include "scribe/sink.h"

/* Its descriptors; all others are closed in its process. */
struct scribe {
    enum sink sink;
    int records; /* the end of the queue at which records are read */
    int stores;  /* a channel over which the connections come; it sends a byte once it can work */
};

/* In the queue in the place of a record: the scribe is to end, for the daemon stops or replaces
 * it. */
#define SCRIBE_FAREWELL ""

/*
 * What the scribe process does: writes what comes until it has its farewell, or the daemon is gone,
 * and exits. It ignores SIGINT and SIGTERM, since it has to outlive those that write to it.
 */
_Noreturn void scribe_run(const struct scribe *scribe);

#endif
