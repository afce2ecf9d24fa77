/*
 * Whether the system lets the daemon have what its configuration promises.
 */
#ifndef ECHOD_DAEMON_PROCESS_SYSTEM_LIMITS_H
#define ECHOD_DAEMON_PROCESS_SYSTEM_LIMITS_H

#include "log/log.h"

#include <stddef.h>
#include <stdint.h>

/* What a configuration asks of the system. */
struct system_needs {
    uint64_t clients;          /* max_clients: workers, */
    uint64_t datagram_sockets; /* and these have one each */
    size_t listeners;          /* sockets */
    size_t other_descriptors;
    bool stores_messages; /* so that each client may take a descriptor */
};

/* Warns where NEED exceeds what RLIMIT_NPROC, or TasksMax= of the unit, lets be forked, or
 * RLIMIT_NOFILE lets be opened. */
void system_limits_check(struct log *log, const struct system_needs *need);

/* Raises the limit of descriptors as far as may be: there may be one for each client whose messages
 * are stored. */
void system_limits_raise_descriptors(void);

/* Whether this process can open COUNT descriptors more. Returns 0 or -errno. */
int system_limits_try_descriptors(size_t count);

#endif
