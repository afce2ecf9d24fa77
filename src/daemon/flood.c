#include "daemon/flood.h"

#include "base/span.h"

/* A burst goes through singly; journald itself takes 10,000 records of a service in 30 s. */
#define BURST 1000
#define PER_SECOND 100
#define SUMMARY_TIME (5 * USEC_PER_SEC)

bool flood_permits(struct flood *flood)
{
    uint64_t now = clock_now(), full = BURST * USEC_PER_SEC;
    uint64_t gained = (now - flood->filled) * PER_SECOND;

    if (flood->filled == 0 || gained >= full - flood->tokens)
        flood->tokens = full;
    else
        flood->tokens += gained;
    flood->filled = now;
    if (flood->tokens >= USEC_PER_SEC) {
        flood->tokens -= USEC_PER_SEC;
        return true;
    }
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
    unsigned long long sessions = flood->sessions, refusals = flood->refusals;

    if (now < flood_next(flood))
        return;
    record_start(&record, buf, sizeof(buf), LOG_NOTICE,
                 "too many to log each: %llu more sessions ended, %llu more clients were refused",
                 sessions, refusals);
    record_event(&record, EVENT_SUMMARY);
    record_add(&record, "ECHOD_SESSIONS", "%llu", sessions);
    record_add(&record, "ECHOD_REFUSALS", "%llu", refusals);
    log_send(log, &record);
    flood->since = flood->sessions = flood->refusals = 0;
}
