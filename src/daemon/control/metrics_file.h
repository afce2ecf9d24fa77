/*
 * The metrics_file: what "echoctl metrics" prints, written for node_exporter's textfile collector,
 * by a child of its own: a disk may be slow, and the daemon waits for nobody. Readers see the old
 * file or the new one, never a part.
 */
#ifndef ECHOD_DAEMON_CONTROL_METRICS_FILE_H
#define ECHOD_DAEMON_CONTROL_METRICS_FILE_H

#include "base/title.h"
#include "config/settings.h"
#include "log/log.h"

#include <stdint.h>
#include <sys/types.h>

struct metrics_file {
    const char *path; /* empty: none is wanted */
    const struct title *title;
    struct log *log;
    bool closed;   /* no more are written */
    pid_t writer;  /* the child that writes the file now; 0: none does */
    int error;     /* the errno that the last one failed with, or 0 */
    uint64_t next; /* clock_now() of the next time, or at which the writer is given up */
};

/* Adds to PROBLEMS where the metrics_file of SETTINGS would replace what is no regular file. */
void metrics_file_check(const struct settings *settings, struct problems *problems);

/* Whether the file is to be written NOW: metrics_file_write() is to follow. Ends a writer that
 * takes too long. */
bool metrics_file_run(struct metrics_file *metrics, uint64_t now);

/* Has TEXT written; NULL: there is no memory for it, and it is tried again later. */
void metrics_file_write(struct metrics_file *metrics, const char *text, uint64_t now);

/* When metrics_file_run() has something to do, clock_now(); UINT64_MAX: never. */
uint64_t metrics_file_next(const struct metrics_file *metrics);

/* Writes no more. */
void metrics_file_close(struct metrics_file *metrics);

/* Ends the child, whose daemon stops or executes another program. */
void metrics_file_abandon(struct metrics_file *metrics);

/* Takes the end of PID, with STATUS of wait(2), if it is the writer. Returns whether it was. */
bool metrics_file_ended(struct metrics_file *metrics, pid_t pid, int status);

#endif
