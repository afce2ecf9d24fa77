/*
 * The sessions of clients: who is served, with which slot, and what becomes of it in counts and in
 * the log.
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

/* The client that the list shows with the worker PID, or NULL. (Its start may be unreported still.)
 */
struct client *sessions_find(const struct sessions *sessions, pid_t pid);

/* CLIENT's session has ended: counts and logs it. Of END all but tcp is set. */
void sessions_end(struct sessions *sessions, const struct client *client, struct session_end *end);

/* CLIENT, who was admitted, got no worker: counts and logs that as a refusal. */
void sessions_cancel(struct sessions *sessions, const struct client *client);

/* Counts and logs that PEER, who came by PROXY (NULL: by none), was refused. */
void sessions_refuse(struct sessions *sessions, const struct address *peer,
                     const struct address *proxy, const char *listener, const char *reason);

/* Strikes CLIENT off: its entry and its slot are free. */
void sessions_remove(struct sessions *sessions, struct client *client);

void sessions_close(struct sessions *sessions);

#endif
