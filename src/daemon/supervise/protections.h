/*
 * Missing protections of the workers.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_PROTECTIONS_H
#define ECHOD_DAEMON_SUPERVISE_PROTECTIONS_H

#include "daemon/supervise/fork_servers.h"
#include "log/log.h"

/* Logs a warning for each protection that a kernel or a container refuses, once SERVERS know them.
 */
void protections_log(const struct fork_servers *servers, struct log *log);

#endif
