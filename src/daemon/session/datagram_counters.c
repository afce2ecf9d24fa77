#include "daemon/session/datagram_counters.h"

#include "base/text.h"

struct datagram_counters datagram_counters_of(const struct slot *slot)
{
    struct datagram_counters counters;

    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        counters.count[t] = slot->counter[t];
    return counters;
}

struct datagram_counters datagram_counters_sum(const struct datagram_counters *a,
                                               const struct datagram_counters *b)
{
    struct datagram_counters sum;

    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        sum.count[t] = a->count[t] + b->count[t];
    return sum;
}

struct datagram_counters datagram_counters_difference(const struct datagram_counters *a,
                                                      const struct datagram_counters *b)
{
    struct datagram_counters difference;

    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        difference.count[t] = a->count[t] - b->count[t];
    return difference;
}

bool datagram_counters_any(const struct datagram_counters *counters)
{
    for (size_t t = 0; t < DATAGRAM_COUNTERS; t++)
        if (counters->count[t])
            return true;
    return false;
}

uint64_t datagram_counters_unanswered(const struct datagram_counters *counters)
{
    uint64_t sum = 0;

    for (size_t t = COUNTER_FIRST_UNANSWERED; t < DATAGRAM_COUNTERS; t++)
        sum += counters->count[t];
    return sum;
}

void datagram_counters_format(const struct datagram_counters *counters, char *text, size_t size)
{
    const uint64_t *count = counters->count;
    const char *before = "; not answered: ";

    text_append(text, size, "%llu in, %llu out, %llu byte%s in, %llu out",
                (unsigned long long)count[COUNTER_IN], (unsigned long long)count[COUNTER_OUT],
                (unsigned long long)count[COUNTER_BYTES_IN], plural(count[COUNTER_BYTES_IN]),
                (unsigned long long)count[COUNTER_BYTES_OUT]);
    if (count[COUNTER_MESSAGES])
        text_append(text, size, ", %llu message%s", (unsigned long long)count[COUNTER_MESSAGES],
                    plural(count[COUNTER_MESSAGES]));
    for (enum datagram_counter t = COUNTER_FIRST_UNANSWERED; t < DATAGRAM_COUNTERS; t++) {
        if (count[t] == 0)
            continue;
        text_append(text, size, "%s%llu %s", before, (unsigned long long)count[t],
                    datagram_counter_clause(t));
        before = ", ";
    }
}
