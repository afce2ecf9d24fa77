/*
 * The scribe: the one process that writes records down, and may block on it.
 *
 * It reads two queues, which are kernel sockets: the daemon's records, and the messages that
 * workers took from clients. The daemon holds both ends of both, so what is queued outlives a
 * scribe that dies; the next one goes on with it. A worker gets the sending end of the messages
 * only, so that it cannot forge a record of the daemon.
 */
#ifndef ECHOD_SCRIBE_SCRIBE_H
#define ECHOD_SCRIBE_SCRIBE_H

#include "scribe/sink.h"

#include <sys/types.h>

struct scribe {
    enum sink sink;
    pid_t pid;      /* -1: none is running */
    int records_in; /* the scribe's ends */
    int messages_in;
    int records_out;  /* the daemon's: the channel of its log */
    int messages_out; /* the workers': for store.h */
};

/* A scribe that was not opened yet: scribe_close() does nothing to it. */
#define SCRIBE_CLOSED                                                                              \
    {                                                                                              \
        .pid = -1, .records_in = -1, .messages_in = -1, .records_out = -1, .messages_out = -1      \
    }

/* Makes the queues; all descriptors are close-on-exec. Returns 0 or -errno. */
int scribe_open(struct scribe *scribe, enum sink sink);

/*
 * What the scribe process does: writes what comes until both queues have no senders left, and
 * exits. It ignores SIGINT and SIGTERM, since it has to outlive those that write to it.
 */
_Noreturn void scribe_run(const struct scribe *scribe);

/* Closes the daemon's ends: a scribe that still runs ends once its queues are empty. */
void scribe_close(struct scribe *scribe);

#endif
