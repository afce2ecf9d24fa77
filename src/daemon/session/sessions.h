/*
 * The sessions of clients: roster, slots, counters and log records.
 */
#ifndef ECHOD_DAEMON_SESSION_SESSIONS_H
#define ECHOD_DAEMON_SESSION_SESSIONS_H

#include "daemon/session/counters.h"
#include "daemon/session/roster.h"
#include "daemon/session/session_log.h"
#include "daemon/session/slots.h"

struct sessions {
    struct roster roster;
    struct slots slots; /* entry and slot of a client have the same index */
    struct counters *counters;
    const struct session_log *log;
};

/* The slot of CLIENT. */
struct slot *sessions_slot(const struct sessions *sessions, const struct client *client);

/* The client whose worker is PID, or NULL. (Its start may not have been reported yet.) */
struct client *sessions_find(const struct sessions *sessions, pid_t pid);

/* Counts and logs the end of CLIENT's session. All of END but tcp is set. */
void sessions_end(struct sessions *sessions, const struct client *client, struct session_end *end);

/* CLIENT, which was admitted, got no worker: counts and logs a refusal. */
void sessions_cancel(struct sessions *sessions, const struct client *client);

/* Counts and logs that PEER, behind PROXY (NULL: none), was refused. */
void sessions_refuse(struct sessions *sessions, const struct address *peer,
                     const struct address *proxy, const char *listener, const char *reason);

/* Removes CLIENT: its entry and its slot are free. */
void sessions_remove(struct sessions *sessions, struct client *client);

void sessions_close(struct sessions *sessions);

#endif
