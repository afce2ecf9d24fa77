/*
 * Statistics of any number of times in bounded memory: exact count, minimum, maximum, mean and
 * standard deviation; percentiles from a histogram with logarithmic buckets.
 *
 * The width of a bucket is at most 1/128 of its times, and its middle is reported, so a percentile
 * is off by less than 0.4 % (below 256 ns it is exact). Uses integers only; floating point is for
 * display.
 */
#ifndef ECHOD_CLIENT_PROBE_STATS_H
#define ECHOD_CLIENT_PROBE_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Times above 2^42 ns (73 minutes) count as 2^42 ns. */
#define STATS_BITS 42
#define STATS_BUCKETS ((STATS_BITS - 7 + 1) * 128)

/* All zero: no times. */
struct stats {
    uint64_t count;
    uint64_t min, max; /* nanoseconds */
    unsigned __int128 sum, squares;
    uint64_t buckets[STATS_BUCKETS];
};

void stats_add(struct stats *s, uint64_t ns);

/* These return 0 if no time was added. */
uint64_t stats_mean(const struct stats *s);
uint64_t stats_deviation(const struct stats *s); /* of the population, as mdev in ping(8) */

/* The smallest time that PER_MILLE thousandths of all times do not exceed. */
uint64_t stats_percentile(const struct stats *s, unsigned per_mille);

/* The number of times in buckets whose middle is at least FROM and below TO. */
uint64_t stats_between(const struct stats *s, uint64_t from, uint64_t to);

#endif
