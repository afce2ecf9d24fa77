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

/* Microseconds of CLOCK_MONOTONIC; and its nanoseconds, for what takes less than one. */
NEAR_MAIN uint64_t clock_now(void);
uint64_t clock_nanoseconds(void);

/* The milliseconds from now until DEADLINE, of clock_now(), as poll(2) takes them: rounded up, so
 * that a poll that times out has reached it; 0 once
 * it has passed, -1, for ever, where DEADLINE is UINT64_MAX. */
int clock_timeout(uint64_t deadline);

/* The earlier of two deadlines. */
uint64_t clock_earlier(uint64_t a, uint64_t b);

#endif
