#include "net/rate.h"

#include "base/clock.h"

#include <string.h>

#define NSEC_PER_USEC UINT64_C(1000)

static struct rate_bucket *set_of(const struct rate_table *table, const struct source_key *source)
{
    uint64_t hash = hash_bytes(&table->seed, source, sizeof(*source));

    return &table->buckets[hash % table->sets * RATE_WAYS];
}

static struct rate_bucket *find(const struct rate_table *table, const struct source_key *source)
{
    struct rate_bucket *set = set_of(table, source);

    for (size_t i = 0; i < RATE_WAYS; i++)
        if (set[i].full_at > 0 && memcmp(&set[i].source, source, sizeof(*source)) == 0)
            return &set[i];
    return NULL;
}

/* Returns the bucket to replace: one that was never used, or the one that is full again soonest. */
static struct rate_bucket *evict(const struct rate_table *table, const struct source_key *source)
{
    struct rate_bucket *set = set_of(table, source), *fullest = set;

    for (size_t i = 1; i < RATE_WAYS; i++)
        if (set[i].full_at < fullest->full_at)
            fullest = &set[i];
    return fullest;
}

/* Nanoseconds until a bucket gains a token. */
static uint64_t token_time(const struct rate *rate)
{
    return rate->interval * NSEC_PER_USEC / rate->count;
}

/* Nanoseconds until BUCKET is full. BUCKET may be NULL. */
static uint64_t missing(const struct rate_bucket *bucket, uint64_t now)
{
    uint64_t then = now * NSEC_PER_USEC;

    return bucket && bucket->full_at > then ? bucket->full_at - then : 0;
}

static bool is_unlimited(const struct rate_table *table, const struct rate *rate)
{
    return rate->count == 0 || !table->buckets;
}

uint64_t rate_wait(const struct rate_table *table, const struct rate *rate,
                   const struct source_key *source, uint64_t now)
{
    if (is_unlimited(table, rate))
        return 0;
    uint64_t token = token_time(rate), depth = token * rate->count;
    uint64_t wanted = missing(find(table, source), now) + token;
    return wanted <= depth ? 0 : (wanted - depth - 1) / NSEC_PER_USEC + 1;
}

uint64_t rate_take(struct rate_table *table, const struct rate *rate,
                   const struct source_key *source, uint64_t now)
{
    uint64_t wait = rate_wait(table, rate, source, now);

    if (wait > 0 || is_unlimited(table, rate))
        return wait;
    struct rate_bucket *bucket = find(table, source);
    uint64_t full_at = now * NSEC_PER_USEC + missing(bucket, now) + token_time(rate);
    if (!bucket)
        bucket = evict(table, source);
    *bucket = (struct rate_bucket){.full_at = full_at, .source = *source};
    return 0;
}
