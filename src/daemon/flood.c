#include "daemon/flood.h"

#include "base/span.h"

/* A burst goes through singly; journald itself takes 10,000 records of a service in 30 s. */
#define BURST 1000
#define PER_SECOND 100
#define SUMMARY_TIME (5 * USEC_PER_SEC)

static bool take_token(struct flood_bucket *bucket, uint64_t now)
{
    uint64_t full = BURST * USEC_PER_SEC, gained = (now - bucket->filled) * PER_SECOND;

    if (bucket->filled == 0 || gained >= full - bucket->tokens)
        bucket->tokens = full;
    else
        bucket->tokens += gained;
    bucket->filled = now;
    if (bucket->tokens < USEC_PER_SEC)
        return false;
    bucket->tokens -= USEC_PER_SEC;
    return true;
}

bool flood_permits(struct flood *flood, enum flood_kind kind)
{
    uint64_t now = clock_now();

    if (take_token(&flood->buckets[kind], now))
        return true;
    flood->counted[kind]++;
    if (flood->since == 0)
        flood->since = now;
    return false;
}

uint64_t flood_next(const struct flood *flood)
{
    return flood->since ? flood->since + SUMMARY_TIME : UINT64_MAX;
}

void flood_summarise(struct flood *flood, struct log *log, uint64_t now)
{
    char buf[RECORD_MAX];
    struct record record;
    unsigned long long sessions = flood->counted[FLOOD_SESSIONS],
                       refusals = flood->counted[FLOOD_REFUSALS];

    if (now < flood_next(flood))
        return;
    record_start(&record, buf, sizeof(buf), LOG_NOTICE,
                 "too many to log each: %llu more session%s ended, %llu more client%s refused",
                 sessions, plural(sessions), refusals, refusals == 1 ? " was" : "s were");
    record_event(&record, EVENT_SUMMARY);
    record_add(&record, "ECHOD_SESSIONS", "%llu", sessions);
    record_add(&record, "ECHOD_REFUSALS", "%llu", refusals);
    log_send(log, &record);
    flood->since = flood->counted[FLOOD_SESSIONS] = flood->counted[FLOOD_REFUSALS] = 0;
}
