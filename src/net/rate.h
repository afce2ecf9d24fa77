/*
 * Token buckets, one per source: a rate limit in memory of a fixed size.
 *
 * A bucket holds RATE.count tokens and gains as many in RATE.interval. The table stores only the
 * time at which each will be full. A source that is not in the table has a full bucket, and one
 * whose time has passed may be forgotten: nothing has to be swept.
 *
 * If no place is free, the bucket that is nearest to being full is forgotten: a table that is too
 * small makes the limit less strict, and never excludes anybody.
 */
#ifndef ECHOD_NET_RATE_H
#define ECHOD_NET_RATE_H

#include "base/hash.h"
#include "net/address.h"

/* So that the time that a token takes is a microsecond at least: its error is below 0.1 %. */
#define RATE_COUNT_MAX 1000000
#define RATE_INTERVAL_MIN UINT64_C(1000000)

/* COUNT, up to RATE_COUNT_MAX, in INTERVAL microseconds, RATE_INTERVAL_MIN or more, and as many at
 * once. A COUNT of 0 is no limit. */
struct rate {
    uint64_t count;
    uint64_t interval;
};

struct rate_bucket {
    uint64_t full_at; /* in nanoseconds of the caller's clock */
    struct source_key source;
};

/* A source has its place in one set of so many. */
#define RATE_WAYS 8

struct rate_table {
    struct rate_bucket *buckets; /* the caller's, zeroed at first */
    size_t sets;                 /* of RATE_WAYS buckets */
    struct hash_seed seed;
};

/*
 * Microseconds until SOURCE has a token at NOW (microseconds of a clock that never goes back);
 * 0: it has one. Changes nothing. A TABLE without buckets, NULL, knows no limit.
 */
uint64_t rate_wait(const struct rate_table *table, const struct rate *rate,
                   const struct source_key *source, uint64_t now);

/* Takes a token of SOURCE, if it has one. Returns rate_wait() of before: 0 if it took it. */
uint64_t rate_take(struct rate_table *table, const struct rate *rate,
                   const struct source_key *source, uint64_t now);

#endif
