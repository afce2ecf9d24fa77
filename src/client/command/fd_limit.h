/*
 * Room for many connections.
 */
#ifndef ECHOD_CLIENT_COMMAND_FD_LIMIT_H
#define ECHOD_CLIENT_COMMAND_FD_LIMIT_H

#include <stdint.h>

/* Raises the limit of open descriptors so that COUNT more can be had. Returns 0 or -EMFILE,
 * reported. */
int fd_limit_raise(uint64_t count);

#endif
