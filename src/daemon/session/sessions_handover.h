/*
 * Sessions in what a daemon leaves to the next program (handover.h): a line for each client.
 */
#ifndef ECHOD_DAEMON_SESSION_SESSIONS_HANDOVER_H
#define ECHOD_DAEMON_SESSION_SESSIONS_HANDOVER_H

#include "config/settings.h"
#include "daemon/process/handover.h"
#include "daemon/session/sessions.h"

/* The index of a client is a part of the id of its job. */
#define SESSION_INDEX_BITS 24

void sessions_save_slots(const struct sessions *sessions, struct handover *handover);
void sessions_save_clients(const struct sessions *sessions, struct handover *handover);

/* Reads "slots ...": makes room for the clients of before, however few LIMITS want from now on.
 * Their sources are found anew, by what the settings say now. Returns 0, -EPROTO, or another
 * -errno. */
int sessions_restore_slots(struct sessions *sessions, const struct server_settings *limits,
                           const char *line);

/* Reads "client ...", which come in the order of their places. Returns 0 or -EPROTO. */
int sessions_restore_client(struct sessions *sessions, const char *line);

#endif
