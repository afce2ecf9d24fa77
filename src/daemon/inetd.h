/*
 * Serving the one client that inetd(8), or systemd with Accept=yes, has accepted.
 */
#ifndef ECHOD_DAEMON_INETD_H
#define ECHOD_DAEMON_INETD_H

#include "daemon/daemon.h"

/* Serves the client on standard input; the daemon stops when it is gone. Returns 0 or an exit
 * status. */
int inetd_admit(struct daemon *d);

#endif
