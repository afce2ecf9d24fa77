/*
 * The scribe: the only process that writes the log, and may block on it.
 *
 * The daemon's records arrive on a queue, a channel of which the daemon holds both ends: queued
 * records survive a scribe that dies, and the next one continues. Each worker that stores messages
 * has its own connection (ipc/store.h), which the daemon makes and keeps for the next scribe; a
 * worker cannot forge a record of the daemon.
 */
#ifndef ECHOD_SCRIBE_SCRIBE_H
#define ECHOD_SCRIBE_SCRIBE_H

#include "scribe/sink.h"

/* Its descriptors; all others are closed. */
struct scribe {
    enum sink sink;
    int records; /* the end of the queue at which records are read */
    int stores;  /* a channel that passes the connections; the scribe sends a byte on it when it is
                    ready */
};

/* In place of a record: the scribe must end, because the daemon stops or replaces it. */
#define SCRIBE_FAREWELL ""

/*
 * Runs the scribe: writes records until the last one, or until the daemon is gone, and exits.
 * Ignores SIGINT and SIGTERM, since it must outlive the other processes.
 */
_Noreturn void scribe_run(const struct scribe *scribe);

#endif
