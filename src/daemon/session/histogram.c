#include "daemon/session/histogram.h"

#include "base/macros.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

#define AT(field) .offset = offsetof(struct histograms, field)

const struct histogram_row histogram_table[] = {
    {AT(duration), .name = "duration", .first = 100, .bounds = 28,
     .metric = "session_duration_seconds", .help = "Durations of sessions that have ended."},
    {AT(rtt), .name = "rtt", .first = 10, .bounds = 19, .metric = "session_rtt_seconds",
     .help = "Smoothed round-trip times of TCP sessions, at their end."},
};
const size_t histogram_count = ARRAY_SIZE(histogram_table);

const struct histogram *histogram_of(const struct histograms *all, const struct histogram_row *row)
{
    return (const struct histogram *)((const char *)all + row->offset);
}

uint64_t histogram_bound(const struct histogram_row *row, unsigned index)
{
    static const unsigned steps[] = {1, 2, 5};
    uint64_t bound = row->first * steps[index % ARRAY_SIZE(steps)];

    if (index >= row->bounds)
        return UINT64_MAX;
    for (size_t i = 0; i < index / ARRAY_SIZE(steps); i++)
        bound *= 10;
    return bound;
}

static struct histogram *at(struct histograms *all, const struct histogram_row *row)
{
    return (struct histogram *)((char *)all + row->offset);
}

static uint64_t *bucket_of(struct histograms *all, const struct histogram_row *row, uint64_t value)
{
    unsigned i = 0;

    while (value > histogram_bound(row, i))
        i++;
    return &at(all, row)->count[i];
}

static void add(struct histograms *all, const struct histogram_row *row, uint64_t value)
{
    ++*bucket_of(all, row, value);
    at(all, row)->sum += value;
}

void histograms_add_duration(struct histograms *all, uint64_t usec)
{
    add(all, &histogram_table[0], usec);
}

void histograms_add_rtt(struct histograms *all, uint64_t usec)
{
    add(all, &histogram_table[1], usec);
}

void histograms_write(const struct histograms *all, FILE *to)
{
    for (size_t h = 0; h < histogram_count; h++) {
        const struct histogram_row *row = &histogram_table[h];
        const struct histogram *histogram = histogram_of(all, row);
        fprintf(to, "histogram %s sum %llu\n", row->name, (unsigned long long)histogram->sum);
        for (unsigned i = 0; i <= row->bounds; i++)
            if (histogram->count[i])
                fprintf(to, "histogram %s %llu %llu\n", row->name,
                        (unsigned long long)histogram_bound(row, i),
                        (unsigned long long)histogram->count[i]);
    }
}

static const struct histogram_row *find(const char *name)
{
    for (size_t i = 0; i < histogram_count; i++)
        if (strcmp(histogram_table[i].name, name) == 0)
            return &histogram_table[i];
    return NULL;
}

int histograms_read(struct histograms *all, const char *line)
{
    char name[32], which[32];
    unsigned long long count;
    uint64_t bound;

    if (sscanf(line, "histogram %31s %31s %llu", name, which, &count) != 3)
        return -EPROTO;
    const struct histogram_row *row = find(name);
    if (!row)
        return 0; /* from a later version */
    if (strcmp(which, "sum") == 0)
        at(all, row)->sum += count;
    else if (number_parse(which, &bound) == 0)
        *bucket_of(all, row, bound) += count;
    else
        return -EPROTO;
    return 0;
}
