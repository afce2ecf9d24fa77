#include "client/load/load_results.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/fd.h"
#include "base/text.h"
#include "client/io/output.h"
#include "client/results/print_stats.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

uint64_t load_scheduled(const struct load *l)
{
    return l->opts->rate ? schedule_number(&l->schedule, l->ended) : l->totals->started;
}

uint64_t load_unfinished(const struct load *l)
{
    return l->totals->started - l->totals->completed - l->totals->errors.count;
}

/* Rounds to the nearest integer. */
static uint64_t per_second(uint64_t count, uint64_t usec)
{
    return usec ? (uint64_t)(((unsigned __int128)count * USEC_PER_SEC + usec / 2) / usec) : 0;
}

/* Returns the duration in microseconds, up to now if the load is still running. */
static uint64_t duration(const struct load *l)
{
    uint64_t now = l->ended ? l->ended : clock_nanoseconds();

    return (now - l->schedule.begin) / NSEC_PER_USEC;
}

void load_progress(const struct load *l, const char *begin, const char *end)
{
    uint64_t took = duration(l);
    char line[256] = "";

    text_append(line, sizeof(line), "%s%" PRIu64 " s: %" PRIu64 " connection%s, %" PRIu64 "/s, ",
                begin, took / USEC_PER_SEC, l->totals->completed, plural(l->totals->completed),
                per_second(l->totals->completed, took));
    text_append(line, sizeof(line), "%" PRIu64 " message%s, %" PRIu64 " error%s%s",
                l->totals->messages, plural(l->totals->messages), l->totals->errors.count,
                plural(l->totals->errors.count), end);
    fd_write_all(STDERR_FILENO, line, strlen(line));
}

/* Prints the results of the schedule, in numbers that add up. */
static void print_schedule(const struct load *l)
{
    const struct load_totals *totals = l->totals;
    uint64_t scheduled = load_scheduled(l);
    char line[256] = "", time[TIME_TEXT_MAX];

    text_append(line, sizeof(line), "%" PRIu64 " scheduled = %" PRIu64 " begun", scheduled,
                totals->started);
    if (totals->late)
        text_append(line, sizeof(line), " (%" PRIu64 " late, by up to %s ms)", totals->late,
                    output_time(totals->latest, time));
    text_append(line, sizeof(line), " + %" PRIu64 " not begun", scheduled - totals->started);
    output_line("%s; begun = %" PRIu64 " completed + %" PRIu64 " failed + %" PRIu64 " unfinished",
                line, totals->completed, totals->errors.count, load_unfinished(l));
}

static void print_summary(const struct load *l)
{
    const struct load_totals *totals = l->totals;
    uint64_t took = duration(l);
    char peer[ADDRESS_TEXT_MAX], time[TIME_TEXT_MAX];

    output_line("--- %s load ---", address_format(&totals->peer, peer, sizeof(peer)));
    output_line("%" PRIu64 " connection%s in %s ms: %" PRIu64 "/s; %" PRIu64 " message%s: %" PRIu64
                "/s; %" PRIu64 " error%s",
                totals->completed, plural(totals->completed),
                output_time(took * NSEC_PER_USEC, time), per_second(totals->completed, took),
                totals->messages, plural(totals->messages), per_second(totals->messages, took),
                totals->errors.count, plural(totals->errors.count));
    error_counts_print(&totals->errors);
    if (totals->scheduled)
        print_schedule(l);
    print_stats_tail("connect", &totals->connects);
    print_stats_tail("round trip", &totals->round_trips);
    tcp_facts_print(&totals->tcp);
}

static void put_summary(const struct load *l, int status)
{
    const struct load_totals *totals = l->totals;
    uint64_t took = duration(l), scheduled = load_scheduled(l);

    output_begin("summary");
    output_address("address", &totals->peer);
    output_milliseconds("duration_ms", took * NSEC_PER_USEC);
    output_count("scheduled", scheduled);
    output_count("begun", totals->started);
    output_count("not_begun", scheduled - totals->started);
    output_count("late", totals->late);
    output_milliseconds("latest_ms", totals->latest);
    output_count("connections", totals->completed);
    output_count("connections_per_second", per_second(totals->completed, took));
    output_count("failed", totals->errors.count);
    output_count("unfinished", load_unfinished(l));
    output_count("messages", totals->messages);
    output_count("messages_per_second", per_second(totals->messages, took));
    output_count("errors", totals->errors.count);
    error_counts_put(&totals->errors);
    print_stats_json("connect", &totals->connects);
    print_stats_json("rtt", &totals->round_trips);
    tcp_facts_put(&totals->tcp);
    output_end_summary(status);
}

void load_summary(const struct load *l, int status)
{
    if (l->totals->common->json)
        put_summary(l, status);
    else
        print_summary(l);
}
