/*
 * How the daemon stops: it ends the sessions of idle clients, lets the others finish, then asks
 * their workers to end, then kills.
 */
#ifndef ECHOD_DAEMON_STOP_H
#define ECHOD_DAEMON_STOP_H

#include "daemon/daemon.h"

/* Goes on to the next phase of stopping: the first call stops the listeners and starts the time
 * that clients have, the next ones end it at once. */
void stop_advance(struct daemon *d);

/* Advances if the time of the current phase is over; ends the sessions of clients that are idle. */
void stop_run(struct daemon *d, uint64_t now);

/* When stop_run() has something to do next, clock_now(); UINT64_MAX: never. */
uint64_t stop_next(const struct daemon *d);

/* Whether the daemon is to stop and nobody is left. */
bool stop_done(const struct daemon *d);

#endif
