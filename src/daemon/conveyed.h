/*
 * Clients behind a proxy: their workers read from the PROXY protocol header who they are, and ask
 * (ipc/slot.h) whether they are to be served.
 */
#ifndef ECHOD_DAEMON_CONVEYED_H
#define ECHOD_DAEMON_CONVEYED_H

#include "daemon/server.h"

/* The doorbell was rung: answers all that ask. */
void conveyed_answer(struct server *server);

#endif
