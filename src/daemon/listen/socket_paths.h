/*
 * The paths of Unix sockets, as far as a service finds something else there than its administrator.
 */
#ifndef ECHOD_DAEMON_LISTEN_SOCKET_PATHS_H
#define ECHOD_DAEMON_LISTEN_SOCKET_PATHS_H

#include "config/settings.h"

/*
 * Adds to PROBLEMS a warning for each Unix socket of SETTINGS in a directory for temporary files:
 * the service has one of its own, in which no client finds it. If CERTAIN, only where that is so
 * for this process.
 */
void socket_paths_check(const struct settings *settings, bool certain, struct problems *problems);

#endif
