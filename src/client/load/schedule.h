/*
 * When the connections of a load are due: at a constant rate, whatever becomes of them.
 */
#ifndef ECHOD_CLIENT_LOAD_SCHEDULE_H
#define ECHOD_CLIENT_LOAD_SCHEDULE_H

#include <stdint.h>

/* Times are nanoseconds of clock_nanoseconds(). */
struct schedule {
    uint64_t begin;
    uint64_t end;   /* no connection is due from then on; NEVER */
    uint64_t rate;  /* connections per second; 0: all are due at once */
    uint64_t count; /* connections in all; 0: no limit */
};

/* When the connection INDEX, from 0, is due; NEVER if it is not part of the schedule. */
uint64_t schedule_due(const struct schedule *s, uint64_t index);

/* The number of connections that are due by NOW. */
uint64_t schedule_number(const struct schedule *s, uint64_t now);

#endif
