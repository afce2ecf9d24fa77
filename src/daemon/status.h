/*
 * The state of the daemon, for the service manager and for reports.
 */
#ifndef ECHOD_DAEMON_STATUS_H
#define ECHOD_DAEMON_STATUS_H

#include "daemon/control/reports.h"
#include "daemon/daemon.h"

/* A line, as the service manager shows it. */
struct service_status status_of(const struct daemon *d);

/* The data of the reports (echoctl, metrics_file). */
struct report_source status_report_source(const struct daemon *d);

#endif
