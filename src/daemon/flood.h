/*
 * Records about single clients, kept from becoming a flood: beyond a rate they are counted, and
 * the counts are logged together.
 */
#ifndef ECHOD_DAEMON_FLOOD_H
#define ECHOD_DAEMON_FLOOD_H

#include "base/log.h"

/* A token bucket, and what found it empty since the last summary. */
struct flood {
    uint64_t tokens; /* in records, times a second's microseconds */
    uint64_t filled; /* clock_now() */
    uint64_t since;  /* of the first one that was counted; 0: none was */
    uint64_t sessions, refusals;
};

/* Whether one more record may be logged now; if not, the caller counts it in sessions or
 * refusals. */
bool flood_permits(struct flood *flood);

/* Logs the counts, once they are a few seconds old. */
void flood_summarise(struct flood *flood, struct log *log, uint64_t now);

/* When flood_summarise() has something to say, clock_now(); UINT64_MAX: nothing was counted. */
uint64_t flood_next(const struct flood *flood);

#endif
