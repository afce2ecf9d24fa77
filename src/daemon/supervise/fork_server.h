/*
 * One fork server, as the daemon sees it; and how it is asked to give no process ID back.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_FORK_SERVER_H
#define ECHOD_DAEMON_SUPERVISE_FORK_SERVER_H

#include "daemon/supervise/fork_exec.h"

#include <stdbool.h>
#include <stddef.h>

enum hold { HOLD_NOT, HOLD_WANTED, HOLD_ASKED };

struct fork_server {
    uint32_t number; /* from 1 on; never used twice */
    pid_t pid;       /* 0: it has ended */
    int channel;     /* our end */
    int far;         /* its end */
    struct file_identity file;
    bool ready;          /* it has reported that it is */
    bool drained;        /* it has ended, and no job is left in its channel */
    size_t jobs;         /* those that have not ended, */
    size_t waiting;      /* and of these those that have no worker yet */
    size_t crashes;      /* of its workers */
    uint64_t started;    /* clock_now() */
    uint64_t receive_at; /* clock_now() from which its channel is polled again; 0: it is */
    enum hold hold;
    uint64_t hold_until; /* clock_now() at which it is killed if it does not hold by then */
};

/* Makes SERVER stop reaping, so that signals to its workers are safe: it replies with REPORT_HELD,
 * and continues after fork_server_release(). */
void fork_server_hold(struct fork_server *server);
void fork_server_release(struct fork_server *server);

/* Repeats a request for which the channel had no room; kills a fork server that does not reply. */
void fork_server_run(struct fork_server *server, uint64_t now);

/* Closes its channel, so that it exits. */
void fork_server_close(struct fork_server *server);

#endif
