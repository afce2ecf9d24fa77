/*
 * The scribe: the one process that writes records down, and may block on it.
 *
 * The daemon's records come over a queue, a pair of sockets of which the daemon holds both ends:
 * what is queued outlives a scribe that dies, and the next one goes on with it. A worker asks to
 * have a message stored over a connection of its own (store.h), which can end for nobody else; and
 * it cannot forge a record of the daemon.
 */
#ifndef ECHOD_SCRIBE_SCRIBE_H
#define ECHOD_SCRIBE_SCRIBE_H

#include "scribe/sink.h"

#include <sys/types.h>

struct scribe {
    enum sink sink;
    pid_t pid;       /* -1: none is running */
    int records_in;  /* the scribe's end */
    int records_out; /* the daemon's: the channel of its log */
    int messages;    /* listens for workers; they must not have it, but its address */
};

/* A scribe that was not opened yet: scribe_close() does nothing to it. */
#define SCRIBE_CLOSED                                                                              \
    {                                                                                              \
        .pid = -1, .records_in = -1, .records_out = -1, .messages = -1                             \
    }

/* Makes the queue and the listener; all descriptors are close-on-exec. Returns 0 or -errno. */
int scribe_open(struct scribe *scribe, enum sink sink);

/*
 * What the scribe process does: writes what comes until the daemon has closed its end and no worker
 * asks any more, and exits. It ignores SIGINT and SIGTERM, since it has to outlive those that write
 * to it.
 */
_Noreturn void scribe_run(const struct scribe *scribe);

/* Closes the daemon's descriptors: a scribe that still runs ends once it has written everything. */
void scribe_close(struct scribe *scribe);

#endif
