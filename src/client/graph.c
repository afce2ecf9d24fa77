#include "client/graph.h"

#include "client/output.h"

#include <inttypes.h>
#include <string.h>

#define ROWS 12
#define BAR 40

/* The least of 1, 2, 5, 10, 20, 50, ... that is not below NS. */
static uint64_t round_step(uint64_t ns)
{
    uint64_t step = 1;

    while (step < ns && step < UINT64_MAX / 10) {
        if (2 * step >= ns)
            return 2 * step;
        if (5 * step >= ns)
            return 5 * step;
        step *= 10;
    }
    return step;
}

static void print_row(uint64_t from, uint64_t to, uint64_t count, uint64_t most)
{
    static const char bar[BAR + 1] = "########################################";
    char low[TIME_TEXT_MAX], high[TIME_TEXT_MAX] = "";

    if (to != UINT64_MAX)
        output_time(to, high);
    int width = (int)((count * BAR + most - 1) / most);
    output_line("%9s - %-9s %8" PRIu64 "%s%.*s", output_time(from, low), high, count,
                width ? " " : "", width, bar);
}

static void put_row(uint64_t from, uint64_t to, uint64_t count)
{
    output_begin("histogram");
    output_milliseconds("from_ms", from);
    if (to != UINT64_MAX)
        output_milliseconds("to_ms", to);
    output_count("count", count);
    output_end();
}

void graph_print(const struct stats *s, bool json)
{
    uint64_t p99 = stats_percentile(s, 990), counts[ROWS], most = 1;
    uint64_t step = round_step((p99 - s->min) / (ROWS - 2) + 1), first = s->min / step * step;
    size_t rows = (size_t)((p99 - first) / step) + 2; /* ROWS at most; the last is for the rest */

    for (size_t i = 0; i < rows; i++) {
        uint64_t from = first + i * step;
        counts[i] = stats_between(s, i ? from : 0, i + 1 < rows ? from + step : UINT64_MAX);
        most = counts[i] > most ? counts[i] : most;
    }
    if (s->count > 0 && !json)
        output_line("       ms                  count");
    for (size_t i = 0; s->count > 0 && i < rows; i++) {
        uint64_t from = first + i * step, to = i + 1 < rows ? from + step : UINT64_MAX;
        if (json)
            put_row(from, to, counts[i]);
        else
            print_row(from, to, counts[i], most);
    }
}
