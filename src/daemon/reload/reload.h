/*
 * Reloading: whether the installed program, with the new configuration, is good to take this
 * process over. It finds that out itself, in a dry run; what follows is for the daemon to do.
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
    pid_t pid;         /* of the dry run; -1: none is under way */
    int output;        /* what it says is wrong */
    int settings;      /* where it writes those that are good */
    bool again;        /* something asked for one more meanwhile */
    uint64_t deadline; /* clock_now() */
    int waiter;        /* a connection whose peer waits for the outcome; -1: none does */
    char text[2048];   /* that, or as much of it as there is room for: reasons before warnings */
    size_t len;
};

enum reload_outcome {
    RELOAD_REJECTED, /* everything stays as it was, which is logged and answered */
    RELOAD_STALE,    /* what was found good is out of date: begin it once more */
    RELOAD_APPROVED, /* the installed program may take over */
};

/* No reload is under way. */
void reload_init(struct reload *reload, const char *program, const char *config, struct log *log);

/*
 * Somebody asks for a reload. WAITER, or -1, is a connected socket to which the outcome is written,
 * "ok" or "error" and the reasons; it is closed then. Returns whether a dry run is to begin: if one
 * is under way, or the daemon is not SERVING any more, that is noted or answered.
 */
bool reload_request(struct reload *reload, int waiter, bool serving);

/* Begins the dry run of what HANDOVER would leave. Returns 0 or -errno. */
int reload_begin(struct reload *reload, const struct handover *handover);

/* Makes the file for the settings, anew, which is a part of the handover. Returns 0 or -errno. */
int reload_prepare(struct reload *reload);

/* Everything stays as it is. TEXT, lines, says why; or ERROR, -errno, does. */
void reload_reject(struct reload *reload, const char *text);
void reload_reject_error(struct reload *reload, int error);

/* Takes what the dry run has printed: to be called when poll(2) reports its output. Returns whether
 * there was something. */
bool reload_read(struct reload *reload);

/* Takes the end of PID, with STATUS of wait(2), if it is the dry run's, of a daemon that is SERVING
 * or not. Returns whether it was; *OUTCOME is what came of it. */
bool reload_ended(struct reload *reload, pid_t pid, int status, bool serving,
                  enum reload_outcome *outcome);

/* Whether one more was asked for meanwhile; it is not from here on. */
bool reload_take_again(struct reload *reload);

/* Logs the warnings of a dry run that was approved. */
void reload_log_warnings(const struct reload *reload);

/* Ends a dry run that takes too long; and when that is, clock_now(); UINT64_MAX: never. */
void reload_run(struct reload *reload, uint64_t now);
uint64_t reload_next(const struct reload *reload);

/* Answers who waits for the outcome, if anybody does: OUTCOME is "ok" or "error". */
void reload_answer(struct reload *reload, const char *outcome, const char *text);

/* Ends a dry run that is under way, because the daemon ends; whoever waits for it is told. */
void reload_abandon(struct reload *reload);

/* Sets the variable NAME of the environment to the number FD. */
void reload_set_variable(const char *name, int fd);

/* The lines of the handover: writes them, and reads "waiter ...". Returns 0 or -EPROTO. */
void reload_save(const struct reload *reload, struct handover *handover);
int reload_restore(struct reload *reload, const char *line);

#endif
