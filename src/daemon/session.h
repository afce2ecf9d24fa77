/*
 * The records about clients: how each session ended, who was refused.
 */
#ifndef ECHOD_DAEMON_SESSION_H
#define ECHOD_DAEMON_SESSION_H

#include "base/log.h"
#include "daemon/roster.h"
#include "worker/worker.h"

/*
 * Logs the end of CLIENT's session, with what its worker left in SLOT and STATUS, of wait(2).
 * ASKED is whether the daemon itself ended the worker by a signal.
 * Without LOG_NORMAL only ends that are worth a warning are logged.
 */
void session_log_end(struct log *log, bool log_normal, const struct client *client,
                     const struct slot *slot, int status, bool asked);

void session_log_refusal(struct log *log, const struct address *peer,
                         const struct listen_settings *listen, const char *reason);

#endif
