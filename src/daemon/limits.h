/*
 * Whether the system lets the daemon have what its configuration promises.
 */
#ifndef ECHOD_DAEMON_LIMITS_H
#define ECHOD_DAEMON_LIMITS_H

#include "base/log.h"
#include "config/settings.h"

/* Warns where max_clients exceeds what RLIMIT_NPROC, or TasksMax= of the unit, lets be forked, or
 * the listeners what RLIMIT_NOFILE lets be opened. LISTENERS is their number. */
void limits_check(struct log *log, const struct settings *settings, size_t listeners);

#endif
