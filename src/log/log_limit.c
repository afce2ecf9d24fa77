#include "log/log_limit.h"

#include "base/clock.h"
#include "base/text.h"

/* journald limits a service to 10,000 records in 30 s. */
#define BURST 1000
#define PER_SECOND 100
#define SUMMARY_TIME (5 * USEC_PER_SEC)

static bool take_token(struct log_limit_bucket *bucket, uint64_t now)
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

bool log_limit_allows(struct log_limit *limit, enum log_limit_kind kind)
{
    uint64_t now = clock_now();

    if (take_token(&limit->buckets[kind], now))
        return true;
    limit->counted[kind]++;
    if (limit->since == 0)
        limit->since = now;
    return false;
}

uint64_t log_limit_next(const struct log_limit *limit)
{
    return limit->since ? limit->since + SUMMARY_TIME : UINT64_MAX;
}

void log_limit_flush(struct log_limit *limit, struct log *log, uint64_t now)
{
    char buf[RECORD_MAX];
    struct record record;
    unsigned long long sessions = limit->counted[LOG_LIMIT_SESSIONS],
                       refusals = limit->counted[LOG_LIMIT_REFUSALS];

    if (now < log_limit_next(limit))
        return;
    record_start(
        &record, buf, sizeof(buf), LOG_NOTICE,
        "too many to log individually: %llu more session%s ended, %llu more client%s refused",
        sessions, plural(sessions), refusals, refusals == 1 ? " was" : "s were");
    record_event(&record, EVENT_SUMMARY);
    record_add(&record, "ECHOD_SESSIONS", "%llu", sessions);
    record_add(&record, "ECHOD_REFUSALS", "%llu", refusals);
    log_send(log, &record);
    limit->since = limit->counted[LOG_LIMIT_SESSIONS] = limit->counted[LOG_LIMIT_REFUSALS] = 0;
}
