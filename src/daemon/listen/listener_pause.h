/*
 * A listener that connections cannot be accepted from, for a reason that is its own: it pauses, and
 * the others go on.
 */
#ifndef ECHOD_DAEMON_LISTEN_LISTENER_PAUSE_H
#define ECHOD_DAEMON_LISTEN_LISTENER_PAUSE_H

#include "daemon/listen/listeners.h"

/* accept(2) failed at LISTENER with ERROR, an errno. It is not to be polled before paused_until;
 * the pause doubles each time. Logged once. */
void listener_pause(struct listener *listener, int error, struct log *log, uint64_t now);

/* It works: ends the pause, if there was one, and logs that. */
void listener_resume(struct listener *listener, struct log *log);

/* When the next pause ends, clock_now(); UINT64_MAX: no listener pauses. */
uint64_t listener_pause_next(const struct listeners *listeners);

#endif
