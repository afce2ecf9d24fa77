/*
 * Records about single clients, kept from becoming a flood: beyond a rate they are counted, and
 * the counts are logged together.
 */
#ifndef ECHOD_DAEMON_FLOOD_H
#define ECHOD_DAEMON_FLOOD_H

#include "base/log.h"

/* Each with its own bucket: those who are refused cannot hide the sessions of others. */
enum flood_kind { FLOOD_SESSIONS, FLOOD_REFUSALS, FLOOD_KINDS };

struct flood_bucket {
    uint64_t tokens; /* in records, times a second's microseconds */
    uint64_t filled; /* clock_now() */
};

struct flood {
    struct flood_bucket buckets[FLOOD_KINDS];
    uint64_t counted[FLOOD_KINDS]; /* what found its bucket empty since the last summary */
    uint64_t since;                /* of the first one of these, clock_now(); 0: there is none */
};

/* Whether one more record may be logged now; if not, it is counted. */
bool flood_permits(struct flood *flood, enum flood_kind kind);

/* Logs the counts, once they are a few seconds old. */
void flood_summarise(struct flood *flood, struct log *log, uint64_t now);

/* When flood_summarise() has something to say, clock_now(); UINT64_MAX: nothing was counted. */
uint64_t flood_next(const struct flood *flood);

#endif
