/*
 * What fork servers report of their workers, and what follows when a worker, or another child of
 * the daemon, has ended.
 */
#ifndef ECHOD_DAEMON_ENDS_H
#define ECHOD_DAEMON_ENDS_H

#include "daemon/daemon.h"

/* Takes every child that has ended. */
void ends_take_children(struct daemon *d);

/* Takes all that fork servers have reported. */
void ends_take_reports(struct daemon *d);

/* Waits until datagram workers that were asked to end have done so, until DEADLINE at most. */
void ends_await_datagram_workers(struct daemon *d, uint64_t deadline);

/* Goes on with the jobs of fork servers that have ended: the next one gets those that are unread,
 * and sessions end whose worker nobody can tell of any more. */
void ends_recover(struct daemon *d);

#endif
