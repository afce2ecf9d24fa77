/*
 * Sessions in the handover (handover.h): a line per client, and the counters.
 */
#ifndef ECHOD_DAEMON_SESSION_SESSIONS_HANDOVER_H
#define ECHOD_DAEMON_SESSION_SESSIONS_HANDOVER_H

#include "config/settings.h"
#include "daemon/process/handover.h"
#include "daemon/session/sessions.h"

void sessions_save_slots(const struct sessions *sessions, struct handover *handover);
void sessions_save_clients(const struct sessions *sessions, struct handover *handover);
void sessions_save_counters(const struct sessions *sessions, struct handover *handover);

/* Reads "slots ...", with room for the current clients even if LIMITS allow fewer. Their sources
 * are determined anew, by the current settings. Returns 0, -EPROTO, or another -errno. */
int sessions_restore_slots(struct sessions *sessions, const struct server_settings *limits,
                           const char *line);

/* Reads "client ...", in the order of their indices. Returns 0 or -EPROTO. */
int sessions_restore_client(struct sessions *sessions, const char *line);

/* Reads "total ..." or "histogram ...", and adds it to the counters. Returns 0 or -EPROTO. */
int sessions_restore_counter(struct sessions *sessions, const char *line);

#endif
