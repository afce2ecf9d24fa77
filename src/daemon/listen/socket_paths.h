/*
 * Paths of Unix sockets that mean something else to a service than to its administrator.
 */
#ifndef ECHOD_DAEMON_LISTEN_SOCKET_PATHS_H
#define ECHOD_DAEMON_LISTEN_SOCKET_PATHS_H

#include "config/settings.h"

/*
 * Adds a warning to PROBLEMS for each Unix socket of SETTINGS in a temporary directory: the service
 * has a private one, in which no client finds the socket. If CERTAIN, warns only if that is true of
 * this process.
 */
void socket_paths_check(const struct settings *settings, bool certain, struct problems *problems);

#endif
