#include "client/load_results.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/fd.h"
#include "base/text.h"
#include "client/output.h"
#include "client/times.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

uint64_t load_scheduled(const struct load *l)
{
    return l->own->rate ? schedule_number(&l->schedule, l->ended) : l->calls->started;
}

uint64_t load_unfinished(const struct load *l)
{
    return l->calls->started - l->calls->completed - l->calls->causes.count;
}

/* Rounded to the nearest. */
static uint64_t per_second(uint64_t count, uint64_t usec)
{
    return usec ? (uint64_t)(((unsigned __int128)count * USEC_PER_SEC + usec / 2) / usec) : 0;
}

/* How long it took, microseconds: so far, if it goes on. */
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
                begin, took / USEC_PER_SEC, l->calls->completed, plural(l->calls->completed),
                per_second(l->calls->completed, took));
    text_append(line, sizeof(line), "%" PRIu64 " message%s, %" PRIu64 " error%s%s",
                l->calls->messages, plural(l->calls->messages), l->calls->causes.count,
                plural(l->calls->causes.count), end);
    fd_write_all(STDERR_FILENO, line, strlen(line));
}

/* What became of the schedule, in numbers that add up. */
static void print_schedule(const struct load *l)
{
    const struct calls *calls = l->calls;
    uint64_t scheduled = load_scheduled(l);
    char line[256] = "", time[TIME_TEXT_MAX];

    text_append(line, sizeof(line), "%" PRIu64 " scheduled = %" PRIu64 " begun", scheduled,
                calls->started);
    if (calls->late)
        text_append(line, sizeof(line), " (%" PRIu64 " late, by up to %s ms)", calls->late,
                    output_time(calls->latest, time));
    text_append(line, sizeof(line), " + %" PRIu64 " not begun", scheduled - calls->started);
    output_line("%s; begun = %" PRIu64 " completed + %" PRIu64 " failed + %" PRIu64 " unfinished",
                line, calls->completed, calls->causes.count, load_unfinished(l));
}

static void print_summary(const struct load *l)
{
    const struct calls *calls = l->calls;
    uint64_t took = duration(l);
    char peer[ADDRESS_TEXT_MAX], time[TIME_TEXT_MAX];

    output_line("--- %s load ---", address_format(&calls->peer, peer, sizeof(peer)));
    output_line("%" PRIu64 " connection%s in %s ms: %" PRIu64 "/s; %" PRIu64 " message%s: %" PRIu64
                "/s; %" PRIu64 " error%s",
                calls->completed, plural(calls->completed), output_time(took * NSEC_PER_USEC, time),
                per_second(calls->completed, took), calls->messages, plural(calls->messages),
                per_second(calls->messages, took), calls->causes.count,
                plural(calls->causes.count));
    causes_print(&calls->causes);
    if (calls->scheduled)
        print_schedule(l);
    times_print_tail("connect", &calls->connects);
    times_print_tail("round trip", &calls->round_trips);
    tcp_facts_print(&calls->tcp);
}

static void put_summary(const struct load *l, int status)
{
    const struct calls *calls = l->calls;
    uint64_t took = duration(l), scheduled = load_scheduled(l);

    output_begin("summary");
    output_address("address", &calls->peer);
    output_milliseconds("duration_ms", took * NSEC_PER_USEC);
    output_count("scheduled", scheduled);
    output_count("begun", calls->started);
    output_count("not_begun", scheduled - calls->started);
    output_count("late", calls->late);
    output_milliseconds("latest_ms", calls->latest);
    output_count("connections", calls->completed);
    output_count("connections_per_second", per_second(calls->completed, took));
    output_count("failed", calls->causes.count);
    output_count("unfinished", load_unfinished(l));
    output_count("messages", calls->messages);
    output_count("messages_per_second", per_second(calls->messages, took));
    output_count("errors", calls->causes.count);
    causes_put(&calls->causes);
    times_put("connect", &calls->connects);
    times_put("rtt", &calls->round_trips);
    tcp_facts_put(&calls->tcp);
    output_end_summary(status);
}

void load_summary(const struct load *l, int status)
{
    if (l->calls->common->json)
        put_summary(l, status);
    else
        print_summary(l);
}
