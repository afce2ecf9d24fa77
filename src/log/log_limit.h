/*
 * A rate limit for records about single clients. Those beyond the rate are counted, and the counts
 * are logged together.
 */
#ifndef ECHOD_LOG_LOG_LIMIT_H
#define ECHOD_LOG_LOG_LIMIT_H

#include "log/log.h"

/* Each has its own bucket, so that refused clients cannot suppress the records of sessions. */
enum log_limit_kind { LOG_LIMIT_SESSIONS, LOG_LIMIT_REFUSALS, LOG_LIMIT_KINDS };

struct log_limit_bucket {
    uint64_t tokens; /* in records, times a second's microseconds */
    uint64_t filled; /* clock_now() */
};

struct log_limit {
    struct log_limit_bucket buckets[LOG_LIMIT_KINDS];
    uint64_t counted[LOG_LIMIT_KINDS]; /* records beyond the rate since the last summary */
    uint64_t since;                    /* clock_now() of the first of these; 0 if none */
};

/* Whether one more record may be logged now; if not, it is counted. */
bool log_limit_allows(struct log_limit *limit, enum log_limit_kind kind);

/* Logs the counts, once they are a few seconds old. */
void log_limit_flush(struct log_limit *limit, struct log *log, uint64_t now);

/* When log_limit_flush() has something to log, clock_now(); UINT64_MAX: never. */
uint64_t log_limit_next(const struct log_limit *limit);

#endif
