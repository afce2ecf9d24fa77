/*
 * The metrics_file: what "echoctl metrics" prints, written for node_exporter's textfile collector.
 */
#ifndef ECHOD_DAEMON_METRICS_H
#define ECHOD_DAEMON_METRICS_H

#include "config/settings.h"

#include <stdint.h>
#include <sys/types.h>

struct server;

struct metrics {
    pid_t writer;  /* the child that writes the file now; 0: none does */
    int error;     /* the errno that the last one failed with, or 0 */
    uint64_t next; /* clock_now() of the next time, or at which the writer is given up */
};

/* Adds to PROBLEMS where the metrics_file of SETTINGS would replace what is no regular file. */
void metrics_check(const struct settings *settings, struct problems *problems);

/*
 * Has the file written if it is time for it, by a child of its own: a disk may be slow, and the
 * daemon waits for nobody. Readers see the old file or the new one, never a part.
 */
void metrics_turn(struct server *server, uint64_t now);

/* When that has something to do, clock_now(); UINT64_MAX: never. */
uint64_t metrics_next(const struct server *server);

/* Ends the child, whose daemon stops or executes another program. */
void metrics_abandon(struct server *server);

/* The child has ended with STATUS, of wait(2). */
void metrics_finish(struct server *server, int status);

#endif
