/*
 * Pausing a single listener that cannot accept connections, while the others continue.
 */
#ifndef ECHOD_DAEMON_LISTEN_LISTENER_PAUSE_H
#define ECHOD_DAEMON_LISTEN_LISTENER_PAUSE_H

#include "daemon/listen/listeners.h"

/* accept(2) failed on LISTENER with ERROR, an errno: it is not polled until paused_until. The pause
 * doubles each time. Logged once. */
void listener_pause(struct listener *listener, int error, struct log *log, uint64_t now);

/* Ends the pause, if there was one, and logs that. */
void listener_resume(struct listener *listener, struct log *log);

/* When the next pause ends, clock_now(); UINT64_MAX: no listener pauses. */
uint64_t listener_pause_next(const struct listeners *listeners);

#endif
