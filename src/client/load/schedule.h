/*
 * When the connections of a load are due: so many a second, evenly, whatever becomes of them.
 */
#ifndef ECHOD_CLIENT_LOAD_SCHEDULE_H
#define ECHOD_CLIENT_LOAD_SCHEDULE_H

#include <stdint.h>

/* Times are nanoseconds of clock_nanoseconds(). */
struct schedule {
    uint64_t begin;
    uint64_t end;   /* nothing is due from then on; NEVER */
    uint64_t rate;  /* a second; 0: everything is due at once */
    uint64_t count; /* in all; 0: no limit */
};

/* When the INDEX-th, from 0 on, is due; NEVER if it is not. */
uint64_t schedule_due(const struct schedule *s, uint64_t index);

/* How many are due by NOW. */
uint64_t schedule_number(const struct schedule *s, uint64_t now);

#endif
