#include "client/results/histogram.h"

#include "base/macros.h"
#include "client/io/output.h"

#include <inttypes.h>
#include <string.h>

#define BAR 40
#define ROWS_MAX 1024 /* the most rows, including empty ones */
#define SHOWN_MAX 24  /* the most rows to print, if a wider step permits */
#define BULK_ROWS 4   /* how many rows should divide the times between the quartiles */

/* The possible steps of the scale: the ratio of consecutive rows, in thousandths. */
static const uint64_t steps[] = {1050, 1100, 1200, 1500, 2000, 5000, 10000};

struct row {
    uint64_t from, to; /* nanoseconds */
    uint64_t count;
};

static uint64_t next_edge(uint64_t from, uint64_t step)
{
    uint64_t to = (uint64_t)((unsigned __int128)from * step / 1000);

    return to > from ? to : from + 1;
}

/* Whether BULK_ROWS rows of this STEP fit between the quartiles. */
static bool divides_bulk(const struct stats *s, uint64_t step)
{
    uint64_t edge = stats_percentile(s, 250), end = stats_percentile(s, 750);

    for (int i = 0; i < BULK_ROWS; i++)
        edge = next_edge(edge, step);
    return edge <= end;
}

/* Fills ROWS, of ROWS_MAX, with the rows that are not empty. Returns how many, or ROWS_MAX if they
 * are too many. */
static size_t fill(const struct stats *s, uint64_t step, struct row *rows)
{
    size_t count = 0;
    uint64_t from = s->min ? s->min : 1;

    for (size_t i = 0; from <= s->max; i++) {
        uint64_t to = next_edge(from, step);
        uint64_t n = stats_between(s, i ? from : 0, to > s->max ? UINT64_MAX : to);
        if (i == ROWS_MAX)
            return ROWS_MAX;
        if (n > 0)
            rows[count++] = (struct row){from, to, n};
        from = to;
    }
    return count;
}

static void print_row(const struct row *row, uint64_t most)
{
    static const char bar[BAR + 1] = "########################################";
    char low[TIME_TEXT_MAX], high[TIME_TEXT_MAX];
    int width = (int)((row->count * BAR + most - 1) / most);

    output_line("%9s - %-9s %8" PRIu64 " %.*s", output_time(row->from, low),
                output_time(row->to, high), row->count, width, bar);
}

static void put_row(const struct row *row)
{
    output_begin("histogram");
    output_milliseconds("from_ms", row->from);
    output_milliseconds("to_ms", row->to);
    output_count("count", row->count);
    output_end();
}

static void print_rows(const struct row *rows, size_t count)
{
    uint64_t most = 1;

    for (size_t i = 0; i < count; i++)
        most = rows[i].count > most ? rows[i].count : most;
    output_line("       ms                  count");
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && rows[i].from != rows[i - 1].to)
            output_line("      ...");
        print_row(&rows[i], most);
    }
}

void histogram_print(const struct stats *s, bool json)
{
    struct row rows[ROWS_MAX];
    size_t step = 0, count;

    if (s->count == 0)
        return;
    while (step + 1 < ARRAY_SIZE(steps) && divides_bulk(s, steps[step + 1]))
        step++;
    while ((count = fill(s, steps[step], rows)) > SHOWN_MAX && step + 1 < ARRAY_SIZE(steps))
        step++;
    if (!json)
        print_rows(rows, count);
    for (size_t i = 0; json && i < count; i++)
        put_row(&rows[i]);
}
