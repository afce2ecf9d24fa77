/*
 * The scribe's process: starting and replacing it, and passing it the connections of the workers
 * that store messages. The daemon keeps the scribe's end of each, so that unhandled messages wait
 * for the next scribe.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_SCRIBE_PROCESS_H
#define ECHOD_DAEMON_SUPERVISE_SCRIBE_PROCESS_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/title.h"
#include "log/log.h"
#include "net/address.h"
#include "scribe/scribe.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A connection: its number, from 1 on, is its place. */
struct store_connection {
    int fd;          /* the scribe's end; -1: a free place */
    bool passed;     /* the scribe that runs has it */
    uint32_t next;   /* free place */
    uint64_t source; /* the hash of its source (scribe/fair_queue.h) */
};

struct scribe_process {
    enum sink sink;
    pid_t pid;       /* 0: none is running */
    uint64_t since;  /* clock_now() of the last start */
    uint64_t pause;  /* from then to the next one, if it ends */
    int records_in;  /* the scribe's end of the queue */
    int records_out; /* the daemon's: the channel of its log */
    int stores;      /* the channel that passes connections to the running scribe */
    const struct title *title;
    struct hash_seed seed;               /* of sources; after a reload, another one */
    struct store_connection *connection; /* owned; [number - 1] */
    uint32_t count, free;
    uint32_t waiting; /* those that are not passed */
    bool retiring;    /* it is to be told to end: there was no room in the queue yet */
};

#define SCRIBE_PROCESS_NONE                                                                        \
    {                                                                                              \
        .records_in = -1, .records_out = -1, .stores = -1, .pause = USEC_PER_SEC                   \
    }

/* Makes the queue. Returns 0 or -errno. */
int scribe_process_open(struct scribe_process *scribe, enum sink sink, const struct title *title);

/* Forks a scribe and passes it the connections. Returns 0 or -errno. */
int scribe_process_start(struct scribe_process *scribe, uint64_t now);

/* Waits, until DEADLINE at most, for the scribe to become ready. Returns 0; -ECHILD: it has ended,
 * or is about to; -ETIME; or another -errno. */
int scribe_process_await(const struct scribe_process *scribe, uint64_t deadline);

/* Makes a connection for a worker that serves SOURCE. Returns the worker's end, which is the
 * caller's, and its *NUMBER; or -errno. */
int scribe_process_connect(struct scribe_process *scribe, const struct source_key *source,
                           uint32_t *number);

/* Its worker is gone. NUMBER may be 0. */
void scribe_process_disconnect(struct scribe_process *scribe, uint32_t number);

/* Adopts CONNECTION, with NUMBER, from the previous program. Returns 0 or -errno. Call
 * scribe_process_adopted() after the last one. */
int scribe_process_adopt(struct scribe_process *scribe, uint32_t number,
                         const struct store_connection *connection);
void scribe_process_adopted(struct scribe_process *scribe);

enum scribe_exit {
    SCRIBE_EXIT_OTHER,     /* it was another process */
    SCRIBE_EXIT_TOLD,      /* it was told to end; the next one may start at once */
    SCRIBE_EXIT_UNEXPECTED /* the next one starts after a pause */
};

/* Handles the end of PID, with STATUS of wait(2). */
enum scribe_exit scribe_process_exited(struct scribe_process *scribe, pid_t pid, int status);

/* Makes the scribe end once it has written its queue; scribe_process_run() starts another one. */
void scribe_process_retire(struct scribe_process *scribe);

/* Makes the scribe end for good, and closes the daemon's end of the queue. */
void scribe_process_stop(struct scribe_process *scribe);
void scribe_process_close(struct scribe_process *scribe);

/* Starts another one if it is time, and passes waiting connections. Returns 0, or the -errno of the
 * start. */
int scribe_process_run(struct scribe_process *scribe, uint64_t now);
uint64_t scribe_process_next(const struct scribe_process *scribe);

#endif
