/*
 * Room for many connections.
 */
#ifndef ECHOD_CLIENT_ROOM_H
#define ECHOD_CLIENT_ROOM_H

#include <stdint.h>

/* Raises the limit of open descriptors so that COUNT more can be had. Returns 0 or -EMFILE,
 * reported. */
int room_make(uint64_t count);

#endif
