/*
 * The monotonic clock, and deadlines by it.
 */
#ifndef ECHOD_BASE_CLOCK_H
#define ECHOD_BASE_CLOCK_H

#include "base/macros.h"

#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define NSEC_PER_USEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)

/* CLOCK_MONOTONIC in microseconds, and in nanoseconds. */
NEAR_MAIN uint64_t clock_now(void);
uint64_t clock_nanoseconds(void);

/* Returns the milliseconds until DEADLINE (clock_now()) for poll(2), rounded up, so that the
 * deadline has passed when poll(2) times out; 0 if it has passed; -1 (no timeout) for UINT64_MAX.
 */
int clock_timeout(uint64_t deadline);

/* Returns the earlier of two deadlines. */
uint64_t clock_earlier(uint64_t a, uint64_t b);

#endif
