/*
 * Who gets in: accepting, access rules, limits, and the fork.
 */
#ifndef ECHOD_DAEMON_ADMISSION_H
#define ECHOD_DAEMON_ADMISSION_H

#include "daemon/server.h"

/* Whether the server wants connections now: it serves, is not short of something, and either has
 * room or refuses with words. */
bool admission_open(const struct server *server, uint64_t now);

/* Stops accepting for a moment, as the system lacks WHAT, for the reason ERROR; and ends that. */
void admission_pause(struct server *server, const char *what, int error);
void admission_resume(struct server *server);

/* Accepts the connections that wait at LISTENER, up to a number that is fair to the others. */
void admission_accept(struct server *server, struct listener *listener);

/* Tries again those listeners whose pause (listener_pause.h) is over. */
void admission_retry(struct server *server);

/* Admits or refuses the connected socket CLIENT, which it closes, as a client of LISTEN; or has it
 * wait on the doorstep. */
void admission_decide(struct server *server, int client, const struct address *peer,
                      const struct listen_settings *listen);

/* Has WAITING, who waited before a reload, wait on at LISTENER; refuses it if there is none of that
 * name any more. */
void admission_restore(struct server *server, const struct waiting_client *waiting,
                       const char *listener);

/* Decides once more about those on the doorstep, and in the end, at NOW, about whoever has waited
 * long enough: UINT64_MAX leaves nobody there. */
void admission_reconsider(struct server *server, uint64_t now);

#endif
