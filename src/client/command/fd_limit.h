/*
 * The limit of open descriptors, raised for many connections.
 */
#ifndef ECHOD_CLIENT_COMMAND_FD_LIMIT_H
#define ECHOD_CLIENT_COMMAND_FD_LIMIT_H

#include <stdint.h>

/* Raises the soft limit so that COUNT more descriptors can be opened. Returns 0 or -EMFILE,
 * reported. */
int fd_limit_raise(uint64_t count);

#endif
