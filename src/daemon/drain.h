/*
 * How the daemon stops: it ends the sessions of idle clients, lets the others finish, then asks
 * their workers to end, then kills.
 */
#ifndef ECHOD_DAEMON_DRAIN_H
#define ECHOD_DAEMON_DRAIN_H

#include "daemon/server.h"

/* Goes on to the next phase of stopping: the first call stops the listeners and starts the time
 * that clients have, the next ones end it at once. */
void drain_advance(struct server *server);

/* Advances if the time of the current phase is over; ends the sessions of clients that are idle. */
void drain_check(struct server *server, uint64_t now);

/* Whether the server is to stop, and waits for workers. */
bool drain_waits(const struct server *server);

/* Whether the server is to stop and nobody is left. */
bool drain_done(const struct server *server);

#endif
