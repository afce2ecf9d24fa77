/*
 * The records about clients: ends of sessions and refusals.
 */
#ifndef ECHOD_DAEMON_SESSION_SESSION_LOG_H
#define ECHOD_DAEMON_SESSION_SESSION_LOG_H

#include "daemon/session/roster.h"
#include "ipc/end.h"
#include "ipc/slot.h"
#include "log/log.h"
#include "log/log_limit.h"

/* How sessions are logged. */
struct session_log {
    struct log *log;
    struct log_limit *limit;
    bool normal; /* also sessions that ended normally */
};

/* It is unknown how the worker ended. */
#define SESSION_STATUS_UNKNOWN (-1)

/* How a worker ended. */
struct session_end {
    int status;           /* of wait(2), or SESSION_STATUS_UNKNOWN */
    bool end_requested;   /* the daemon itself sent it a signal: SIGKILL is its last one */
    bool lost;            /* its fork server had died, which ends its workers */
    uint64_t usec;        /* how long the session took */
    struct tcp_stats tcp; /* of its connection; empty: not TCP, or the worker was killed */
};

/* Whether it crashed. */
bool session_crashed(const struct session_end *end);

/* Whether STATUS, of wait(2), is that of a worker whose memory may have been corrupted: a signal
 * caused by a fault, or a forbidden system call. */
bool session_is_fault(int status);

/* Logs the END of CLIENT's session, with what its worker left in SLOT. */
void session_log_end(const struct session_log *to, const struct client *client,
                     const struct slot *slot, const struct session_end *end);

/* Writes how a worker with STATUS of wait(2) ended, including what SLOT says, to CLAUSE, of SIZE
 * bytes: "closed by the client". */
void session_describe(char *clause, size_t size, int status, const struct slot *slot);

/* Appends the name of the system call NUMBER to CLAUSE, of SIZE bytes: ": ptrace (101)". */
void session_log_call(char *clause, size_t size, int number);

/* Logs that PEER, behind PROXY (NULL, or a len of 0: none), was refused. */
void session_log_refusal(const struct session_log *to, const struct address *peer,
                         const struct address *proxy, const char *listener, const char *reason);

#endif
