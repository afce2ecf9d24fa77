#include "client/results/print_stats.h"

#include "base/macros.h"
#include "base/text.h"
#include "client/io/output.h"

#include <stdio.h>

void print_stats_line(const char *what, const struct stats *s)
{
    char min[TIME_TEXT_MAX], mean[TIME_TEXT_MAX], p50[TIME_TEXT_MAX], p99[TIME_TEXT_MAX];
    char max[TIME_TEXT_MAX], deviation[TIME_TEXT_MAX];

    if (s->count == 0)
        return;
    if (s->count == 1) {
        output_line("%s %s ms", what, output_time(s->max, max));
        return;
    }
    output_line("%s min/avg/p50/p99/max/mdev = %s/%s/%s/%s/%s/%s ms", what,
                output_time(s->min, min), output_time(stats_mean(s), mean),
                output_time(stats_percentile(s, 500), p50),
                output_time(stats_percentile(s, 990), p99), output_time(s->max, max),
                output_time(stats_deviation(s), deviation));
}

void print_stats_tail(const char *what, const struct stats *s)
{
    static const unsigned per_mille[] = {500, 900, 990, 999};
    char line[256] = "", time[TIME_TEXT_MAX];

    if (s->count < 2) {
        print_stats_line(what, s);
        return;
    }
    text_append(line, sizeof(line), "%s", output_time(s->min, time));
    text_append(line, sizeof(line), "/%s", output_time(stats_mean(s), time));
    for (size_t i = 0; i < ARRAY_SIZE(per_mille); i++)
        text_append(line, sizeof(line), "/%s",
                    output_time(stats_percentile(s, per_mille[i]), time));
    text_append(line, sizeof(line), "/%s", output_time(s->max, time));
    output_line("%s min/avg/p50/p90/p99/p99.9/max/mdev = %s/%s ms", what, line,
                output_time(stats_deviation(s), time));
}

void print_stats_json(const char *what, const struct stats *s)
{
    const struct {
        const char *name;
        uint64_t ns;
    } times[] = {
        {"min", s->min},
        {"avg", stats_mean(s)},
        {"p50", stats_percentile(s, 500)},
        {"p90", stats_percentile(s, 900)},
        {"p99", stats_percentile(s, 990)},
        {"p999", stats_percentile(s, 999)},
        {"max", s->max},
        {"mdev", stats_deviation(s)},
    };
    char key[32];

    for (size_t i = 0; s->count > 0 && i < ARRAY_SIZE(times); i++) {
        snprintf(key, sizeof(key), "%s_%s_ms", what, times[i].name);
        output_milliseconds(key, times[i].ns);
    }
}
