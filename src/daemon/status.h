/*
 * The state of the daemon in a line, as the service manager shows it.
 */
#ifndef ECHOD_DAEMON_STATUS_H
#define ECHOD_DAEMON_STATUS_H

#include "daemon/daemon.h"

struct service_status status_of(const struct daemon *d);

#endif
