/*
 * The waiting of a loop: the nearest of several moments.
 */
#ifndef ECHOD_CLIENT_WAIT_H
#define ECHOD_CLIENT_WAIT_H

#include <poll.h>
#include <stdint.h>

#define NEVER UINT64_MAX

/* The earlier of two moments, and what is left until one as poll(2) takes it (-1: for ever). */
uint64_t wait_earlier(uint64_t a, uint64_t b);
int wait_until(uint64_t moment);

/* poll(2) until a moment in nanoseconds of clock_nanoseconds(), which it does not miss by a
 * millisecond; NEVER: for ever. */
int wait_poll(struct pollfd *set, nfds_t count, uint64_t moment);

#endif
