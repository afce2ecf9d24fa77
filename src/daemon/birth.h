/*
 * The processes that the daemon forks: a worker for each client, and the scribe.
 */
#ifndef ECHOD_DAEMON_BIRTH_H
#define ECHOD_DAEMON_BIRTH_H

#include "daemon/server.h"

/*
 * Forks the worker for CLIENT, a connected socket that the caller closes, and enters it in the
 * roster, which must not be full. Returns 0 or -errno.
 */
int birth_of_worker(struct server *server, int client, const struct address *peer,
                    const struct listen_settings *listen);

/*
 * Forks a worker for the datagram socket LISTENER, with SLOT of server->datagrams, which is zeroed.
 * Returns its process ID or -errno.
 */
pid_t birth_of_datagram_worker(struct server *server, const struct listener *listener, size_t slot);

/* Forks the scribe. Returns 0 or -errno. */
int birth_of_scribe(struct server *server);

#endif
