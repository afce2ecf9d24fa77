/*
 * Fork servers that are asked to give no process ID back (fork_servers_hold(), and
 * fork_servers_release()), as time passes.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_HOLD_H
#define ECHOD_DAEMON_SUPERVISE_HOLD_H

#include "daemon/supervise/fork_servers.h"

/* Asks SERVER once more, if its channel had no room for that; kills one that does not answer. */
void hold_run(struct fork_server *server, uint64_t now);

#endif
