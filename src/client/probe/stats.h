/*
 * Statistics of times in bounded memory, however many there are: exact count, least, greatest, mean
 * and deviation; percentiles from a histogram with logarithmic buckets.
 *
 * A bucket is at most 1/128 of its times wide, and its middle is what is reported: a percentile is
 * off by less than 0.4 % (and below 256 ns by nothing). Integers throughout; floating point is for
 * display.
 */
#ifndef ECHOD_CLIENT_PROBE_STATS_H
#define ECHOD_CLIENT_PROBE_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Times beyond 2^42 ns, 73 minutes, count as that. */
#define STATS_BITS 42
#define STATS_BUCKETS ((STATS_BITS - 7 + 1) * 128)

/* All zero is none. */
struct stats {
    uint64_t count;
    uint64_t min, max; /* nanoseconds */
    unsigned __int128 sum, squares;
    uint64_t buckets[STATS_BUCKETS];
};

void stats_add(struct stats *s, uint64_t ns);

/* All of these are 0 where nothing was added. */
uint64_t stats_mean(const struct stats *s);
uint64_t stats_deviation(const struct stats *s); /* of the population, ping(8)'s mdev */

/* The least time that PER_MILLE thousandths of all do not exceed. */
uint64_t stats_percentile(const struct stats *s, unsigned per_mille);

/* How many times are in the buckets whose middle is from FROM to (not including) TO. */
uint64_t stats_between(const struct stats *s, uint64_t from, uint64_t to);

#endif
