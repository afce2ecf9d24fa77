/*
 * Checks whether the limits of the system suffice for the configuration.
 */
#ifndef ECHOD_DAEMON_PROCESS_SYSTEM_LIMITS_H
#define ECHOD_DAEMON_PROCESS_SYSTEM_LIMITS_H

#include "log/log.h"

#include <stddef.h>
#include <stdint.h>

/* The needs of a configuration. */
struct system_needs {
    uint64_t clients;          /* max_clients: workers, */
    uint64_t datagram_sockets; /* and these have one each */
    size_t listeners;          /* sockets */
    size_t other_descriptors;
    bool stores_messages; /* so that each client may take a descriptor */
};

/* Warns if NEED exceeds RLIMIT_NPROC, TasksMax= of the unit, or RLIMIT_NOFILE. */
void system_limits_check(struct log *log, const struct system_needs *need);

/* Raises the soft limit of descriptors to the hard one: each client of the message service takes
 * one. */
void system_limits_raise_descriptors(void);

/* Checks that this process can open COUNT more descriptors. Returns 0 or -errno. */
int system_limits_try_descriptors(size_t count);

/* Checks that no filter refuses the system calls that only datagram workers make; it would apply to
 * them, too. Returns 0 or -errno. */
int system_limits_try_datagram_calls(void);

#endif
