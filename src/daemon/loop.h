/*
 * The event loop of the daemon: what it waits for, how events are handled, and timers.
 */
#ifndef ECHOD_DAEMON_LOOP_H
#define ECHOD_DAEMON_LOOP_H

#include "daemon/daemon.h"

/* Serves until the daemon has been told to stop and the last client is gone. */
void loop_run(struct daemon *d);

#endif
