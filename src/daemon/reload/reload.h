/*
 * Reloading: checks whether the installed program, with the new configuration, can take over. The
 * program itself does that, in a dry run; the daemon decides what follows.
 */
#ifndef ECHOD_DAEMON_RELOAD_RELOAD_H
#define ECHOD_DAEMON_RELOAD_RELOAD_H

#include "daemon/process/handover.h"
#include "log/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct reload {
    const char *program, *config; /* the installed program, and its configuration */
    struct log *log;
    pid_t pid;         /* of the dry run; -1: none is running */
    int output;        /* its error messages */
    int settings;      /* where it writes validated settings */
    bool again;        /* another reload was requested meanwhile */
    uint64_t deadline; /* clock_now() */
    int waiter;        /* a connection whose peer waits for the result; -1: none */
    char text[2048];   /* its messages, as many as fit: errors before warnings */
    size_t len;
};

enum reload_outcome {
    RELOAD_REJECTED, /* nothing changes; this was logged and answered */
    RELOAD_STALE,    /* the validated settings are out of date: start again */
    RELOAD_APPROVED, /* the installed program may take over */
};

/* Initialises it. */
void reload_init(struct reload *reload, const char *program, const char *config, struct log *log);

/*
 * Requests a reload. WAITER, or -1, is a connected socket to which the result is written, "ok" or
 * "error" and the reasons, before it is closed. Returns whether to start a dry run: if one is
 * running, or the daemon is not SERVING any more, the request is noted or answered.
 */
bool reload_request(struct reload *reload, int waiter, bool serving);

/* Starts the dry run with HANDOVER. Returns 0 or -errno. */
int reload_begin(struct reload *reload, const struct handover *handover);

/* Creates a new file for the settings, which is part of the handover. Returns 0 or -errno. */
int reload_prepare(struct reload *reload);

/* Rejects the reload: TEXT, lines, or ERROR, -errno, is the reason. */
void reload_reject(struct reload *reload, const char *text);
void reload_reject_error(struct reload *reload, int error);

/* Reads the output of the dry run: call when poll(2) reports it. Returns whether there was any. */
bool reload_read(struct reload *reload);

/* Handles the end of PID, with STATUS of wait(2), if it is the dry run, of a daemon that is SERVING
 * or not. Returns whether it was; *OUTCOME is the result. */
bool reload_ended(struct reload *reload, pid_t pid, int status, bool serving,
                  enum reload_outcome *outcome);

/* Whether another reload was requested meanwhile; clears that. */
bool reload_take_again(struct reload *reload);

/* Logs the warnings of a dry run that was approved. */
void reload_log_warnings(const struct reload *reload);

/* Kills a dry run that takes too long; and when that is, clock_now(); UINT64_MAX: never. */
void reload_run(struct reload *reload, uint64_t now);
uint64_t reload_next(const struct reload *reload);

/* Sends the result to the waiter, if there is one: OUTCOME is "ok" or "error". */
void reload_answer(struct reload *reload, const char *outcome, const char *text);

/* Kills a running dry run, because the daemon ends, and answers the waiter. */
void reload_abandon(struct reload *reload);

/* Sets the variable NAME of the environment to the number FD. */
void reload_set_variable(const char *name, int fd);

/* The lines of the handover: writes them, and reads "waiter ...". Returns 0 or -EPROTO. */
void reload_save(const struct reload *reload, struct handover *handover);
int reload_restore(struct reload *reload, const char *line);

#endif
