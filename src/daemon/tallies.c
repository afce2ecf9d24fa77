#include "daemon/tallies.h"

#include "base/text.h"

struct tallies tallies_of(const struct slot *slot)
{
    struct tallies tallies;

    for (size_t t = 0; t < TALLY_COUNT; t++)
        tallies.count[t] = slot->tally[t];
    return tallies;
}

struct tallies tallies_sum(const struct tallies *a, const struct tallies *b)
{
    struct tallies sum;

    for (size_t t = 0; t < TALLY_COUNT; t++)
        sum.count[t] = a->count[t] + b->count[t];
    return sum;
}

struct tallies tallies_difference(const struct tallies *a, const struct tallies *b)
{
    struct tallies difference;

    for (size_t t = 0; t < TALLY_COUNT; t++)
        difference.count[t] = a->count[t] - b->count[t];
    return difference;
}

bool tallies_any(const struct tallies *tallies)
{
    for (size_t t = 0; t < TALLY_COUNT; t++)
        if (tallies->count[t])
            return true;
    return false;
}

uint64_t tallies_unanswered(const struct tallies *tallies)
{
    uint64_t sum = 0;

    for (size_t t = TALLY_FIRST_UNANSWERED; t < TALLY_COUNT; t++)
        sum += tallies->count[t];
    return sum;
}

void tallies_format(const struct tallies *tallies, char *text, size_t size)
{
    const uint64_t *count = tallies->count;
    const char *before = "; not answered: ";

    text_append(text, size, "%llu in, %llu out, %llu byte%s in, %llu out",
                (unsigned long long)count[TALLY_IN], (unsigned long long)count[TALLY_OUT],
                (unsigned long long)count[TALLY_BYTES_IN], plural(count[TALLY_BYTES_IN]),
                (unsigned long long)count[TALLY_BYTES_OUT]);
    if (count[TALLY_MESSAGES])
        text_append(text, size, ", %llu message%s", (unsigned long long)count[TALLY_MESSAGES],
                    plural(count[TALLY_MESSAGES]));
    for (enum tally t = TALLY_FIRST_UNANSWERED; t < TALLY_COUNT; t++) {
        if (count[t] == 0)
            continue;
        text_append(text, size, "%s%llu %s", before, (unsigned long long)count[t], tally_clause(t));
        before = ", ";
    }
}
