/*
 * The metrics_file: the output of "echoctl metrics", for the textfile collector of node_exporter.
 * It is written by a child process, because a disk may be slow and the daemon must not wait.
 * Readers see the old file or the new one, never a part.
 */
#ifndef ECHOD_DAEMON_CONTROL_METRICS_FILE_H
#define ECHOD_DAEMON_CONTROL_METRICS_FILE_H

#include "base/title.h"
#include "config/settings.h"
#include "log/log.h"

#include <stdint.h>
#include <sys/types.h>

struct metrics_file {
    const char *path; /* empty: there is none */
    const struct title *title;
    struct log *log;
    bool closed;   /* writing has stopped */
    pid_t writer;  /* the child that is writing the file; 0: none */
    int error;     /* the errno of the last attempt, or 0 */
    uint64_t next; /* clock_now() of the next write, or at which the writer is killed */
};

/* Adds a problem if the metrics_file of SETTINGS exists and is not a regular file. */
void metrics_file_check(const struct settings *settings, struct problems *problems);

/* Whether the file is due at NOW: then call metrics_file_write(). Kills a writer that takes too
 * long. */
bool metrics_file_run(struct metrics_file *metrics, uint64_t now);

/* Starts writing TEXT. NULL: there was no memory for it; retries later. */
void metrics_file_write(struct metrics_file *metrics, const char *text, uint64_t now);

/* When metrics_file_run() has something to do, clock_now(); UINT64_MAX: never. */
uint64_t metrics_file_next(const struct metrics_file *metrics);

/* Stops writing. */
void metrics_file_close(struct metrics_file *metrics);

/* Kills the child, because the daemon stops or executes another program. */
void metrics_file_abandon(struct metrics_file *metrics);

/* Takes the end of PID, with STATUS of wait(2), if it is the writer. Returns whether it was. */
bool metrics_file_ended(struct metrics_file *metrics, pid_t pid, int status);

#endif
