#include "client/probe/stats.h"

/* Returns the index of the highest bit that is set in N > 0. */
static unsigned highest_bit(uint64_t n)
{
    return 63 - (unsigned)__builtin_clzll(n);
}

/* One bucket for each value below 256, then 128 for each doubling. */
static size_t bucket_of(uint64_t ns)
{
    if (ns >> STATS_BITS)
        ns = (UINT64_C(1) << STATS_BITS) - 1;
    unsigned shift = ns < 256 ? 0 : highest_bit(ns) - 7;
    return shift * 128 + (size_t)(ns >> shift);
}

static uint64_t middle_of(size_t bucket)
{
    unsigned shift = bucket < 256 ? 0 : (unsigned)(bucket / 128) - 1;
    uint64_t low = (uint64_t)(bucket - shift * 128) << shift;

    return low + ((UINT64_C(1) << shift) >> 1);
}

void stats_add(struct stats *s, uint64_t ns)
{
    if (s->count == 0 || ns < s->min)
        s->min = ns;
    if (ns > s->max)
        s->max = ns;
    s->count++;
    s->sum += ns;
    s->squares += (unsigned __int128)ns * ns;
    s->buckets[bucket_of(ns)]++;
}

uint64_t stats_mean(const struct stats *s)
{
    return s->count ? (uint64_t)(s->sum / s->count) : 0;
}

/* Returns the greatest integer whose square is at most N. */
static uint64_t square_root(unsigned __int128 n)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 63; bit; bit >>= 1) {
        unsigned __int128 tried = root | bit;
        if (tried * tried <= n)
            root |= bit;
    }
    return root;
}

uint64_t stats_deviation(const struct stats *s)
{
    unsigned __int128 a, b, n = s->count;

    if (n == 0)
        return 0;
    /* Exact, unless there are millions of values of minutes. */
    if (!__builtin_mul_overflow(s->squares, n, &a) && !__builtin_mul_overflow(s->sum, s->sum, &b))
        return square_root((a - b) / (n * n));
    unsigned __int128 mean = s->sum / n, mean_square = s->squares / n;
    return mean_square > mean * mean ? square_root(mean_square - mean * mean) : 0;
}

uint64_t stats_percentile(const struct stats *s, unsigned per_mille)
{
    uint64_t wanted = (uint64_t)(((unsigned __int128)s->count * per_mille + 999) / 1000), seen = 0;

    if (s->count == 0)
        return 0;
    for (size_t i = 0; i < STATS_BUCKETS; i++) {
        seen += s->buckets[i];
        if (seen < wanted || seen == 0)
            continue;
        uint64_t middle = middle_of(i);
        return middle < s->min ? s->min : middle > s->max ? s->max : middle;
    }
    return s->max;
}

uint64_t stats_between(const struct stats *s, uint64_t from, uint64_t to)
{
    uint64_t count = 0;

    for (size_t i = 0; i < STATS_BUCKETS; i++)
        if (middle_of(i) >= from && middle_of(i) < to)
            count += s->buckets[i];
    return count;
}
