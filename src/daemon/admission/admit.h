/*
 * Admits connected clients: each is served, refused, or has to wait.
 */
#ifndef ECHOD_DAEMON_ADMISSION_ADMIT_H
#define ECHOD_DAEMON_ADMISSION_ADMIT_H

#include "daemon/admission/admission.h"

/* Whether ERROR, -errno, is a shortage of resources that may be temporary. */
bool admit_is_shortage(int error);

/* Serves, refuses or queues the connected socket CLIENT as a client of LISTEN. Takes the socket. */
void admission_decide(struct admission *admission, int client, const struct address *peer,
                      const struct listen_settings *listen);

/* Puts WAITING, which waited before a reload, back on the list for LISTENER; refuses it if that
 * listener has been removed. */
void admission_restore(struct admission *admission, const struct waiting_client *waiting,
                       const char *listener);

/* Reconsiders the waiting clients, and decides finally about those whose time is over at NOW.
 * UINT64_MAX decides about all. */
void admission_reconsider(struct admission *admission, uint64_t now);

#endif
