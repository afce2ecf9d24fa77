/*
 * The loop of the daemon: what it waits for, what is done then, and what is done as time passes.
 */
#ifndef ECHOD_DAEMON_LOOP_H
#define ECHOD_DAEMON_LOOP_H

#include "daemon/daemon.h"

/* Serves until it was told to stop and the last client is gone. */
void loop_run(struct daemon *d);

#endif
