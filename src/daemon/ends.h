/*
 * Reports of the fork servers, and what follows when a worker or another child of the daemon has
 * ended.
 */
#ifndef ECHOD_DAEMON_ENDS_H
#define ECHOD_DAEMON_ENDS_H

#include "daemon/daemon.h"

/* Handles every child that has ended. */
void ends_take_children(struct daemon *d);

/* Handles all reports of the fork servers. */
void ends_take_reports(struct daemon *d);

/* Waits until the datagram workers that were told to end have ended, or until DEADLINE. */
void ends_await_datagram_workers(struct daemon *d, uint64_t deadline);

/* Recovers from fork servers that have ended: unread jobs move to the next one, workers become
 * children of the daemon, and sessions whose worker is gone end. */
void ends_recover(struct daemon *d);

#endif
