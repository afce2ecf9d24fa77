/*
 * What administrators request: over the control socket, with a reply, or by SIGHUP.
 */
#ifndef ECHOD_DAEMON_REQUESTS_H
#define ECHOD_DAEMON_REQUESTS_H

#include "daemon/daemon.h"

#include <signal.h>

/* Handles peer INDEX of the control socket, which poll(2) has reported. */
void requests_ready(struct daemon *d, size_t index);

/* Logs who sent the SIGHUP of INFO, and reloads. */
void requests_hangup(struct daemon *d, const siginfo_t *info);

#endif
