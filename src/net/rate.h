/*
 * Token buckets, one per source: a rate limit in memory of a fixed size.
 *
 * A bucket holds RATE.count tokens and gains as many in RATE.interval. The table stores only the
 * time at which each will be full. A source that is not in the table has a full bucket, and a
 * bucket whose time has passed can be reused, so no sweep is needed.
 *
 * If no place is free, the bucket that will be full soonest is dropped. So a table that is too
 * small makes the limit less strict, but never excludes a source.
 */
#ifndef ECHOD_NET_RATE_H
#define ECHOD_NET_RATE_H

#include "base/hash.h"
#include "net/address.h"

/* With these, a token takes at least a microsecond, and rounding errors are below 0.1 %. */
#define RATE_COUNT_MAX 1000000
#define RATE_INTERVAL_MIN UINT64_C(1000000)

/* COUNT (up to RATE_COUNT_MAX) per INTERVAL microseconds (at least RATE_INTERVAL_MIN), with a burst
 * of COUNT. A COUNT of 0 means no limit. */
struct rate {
    uint64_t count;
    uint64_t interval;
};

struct rate_bucket {
    uint64_t full_at; /* in nanoseconds of the caller's clock */
    struct source_key source;
};

/* The number of buckets in a set; each source belongs to one set. */
#define RATE_WAYS 8

struct rate_table {
    struct rate_bucket *buckets; /* the caller's, zeroed at first */
    size_t sets;                 /* of RATE_WAYS buckets */
    struct hash_seed seed;
};

/*
 * Returns the microseconds from NOW (of a monotonic clock) until SOURCE has a token; 0 if it has
 * one. Changes nothing. A TABLE without buckets (NULL) has no limit.
 */
uint64_t rate_wait(const struct rate_table *table, const struct rate *rate,
                   const struct source_key *source, uint64_t now);

/* Takes a token of SOURCE if it has one. Returns what rate_wait() would have returned: 0 if it did.
 */
uint64_t rate_take(struct rate_table *table, const struct rate *rate,
                   const struct source_key *source, uint64_t now);

#endif
