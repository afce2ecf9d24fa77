/*
 * Whether the system lets the daemon have what its configuration promises.
 */
#ifndef ECHOD_DAEMON_LIMITS_H
#define ECHOD_DAEMON_LIMITS_H

#include "log/log.h"
#include "config/settings.h"
#include "daemon/listeners.h"

/* Warns where max_clients, and the workers of datagram sockets, exceed what RLIMIT_NPROC, or
 * TasksMax= of the unit, lets be forked, or LISTENERS what RLIMIT_NOFILE lets be opened. */
void limits_check(struct log *log, const struct settings *settings,
                  const struct listeners *listeners);

/*
 * Adds to PROBLEMS a warning for each Unix socket of SETTINGS in a directory for temporary files:
 * the service has one of its own, in which no client finds it. If CERTAIN, only where that is so
 * for this process.
 */
void limits_check_paths(const struct settings *settings, bool certain, struct problems *problems);

/* Whether this process can open COUNT descriptors more. Returns 0 or -errno. */
int limits_try_descriptors(size_t count);

#endif
