/*
 * The records about clients: how each session ended, who was refused.
 */
#ifndef ECHOD_DAEMON_SESSION_H
#define ECHOD_DAEMON_SESSION_H

#include "base/log.h"
#include "daemon/flood.h"
#include "daemon/roster.h"
#include "worker/worker.h"

/* How sessions are logged. */
struct session_log {
    struct log *log;
    struct flood *flood;
    bool normal; /* also those that ended normally */
};

/* Whether a worker that ended with STATUS, of wait(2), crashed. ASKED is whether the daemon itself
 * sent it a signal: SIGKILL is its last one. */
bool session_crashed(int status, bool asked);

/*
 * Logs the end of CLIENT's session, with what its worker left in SLOT and STATUS, of wait(2).
 * ASKED is whether the daemon itself ended the worker by a signal.
 */
void session_log_end(const struct session_log *to, const struct client *client,
                     const struct slot *slot, int status, bool asked);

/* Logs that PEER was refused, who came by PROXY (NULL, or a len of 0: by none). */
void session_log_refusal(const struct session_log *to, const struct address *peer,
                         const struct address *proxy, const char *listener, const char *reason);

#endif
