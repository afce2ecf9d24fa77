/*
 * Waiting until a point in time.
 */
#ifndef ECHOD_CLIENT_IO_WAIT_H
#define ECHOD_CLIENT_IO_WAIT_H

#include <poll.h>
#include <stdint.h>

#define NEVER UINT64_MAX

/* poll(2) until MOMENT, in nanoseconds of clock_nanoseconds(), without rounding to milliseconds;
 * NEVER: no limit. */
int wait_poll(struct pollfd *set, nfds_t count, uint64_t moment);

#endif
