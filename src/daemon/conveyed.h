/*
 * Clients behind a proxy: their workers read from the PROXY protocol header who they are, and ask
 * (worker/slot.h) whether they are to be served.
 */
#ifndef ECHOD_DAEMON_CONVEYED_H
#define ECHOD_DAEMON_CONVEYED_H

#include "daemon/server.h"

/* Answers the question of the worker PID, if that is one which has something to ask. With 0, for a
 * queue of signals that is full forgets who sent one, those of all that have. */
void conveyed_answer(struct server *server, pid_t pid);

#endif
