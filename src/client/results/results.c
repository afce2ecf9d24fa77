#include "client/results/results.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/escape.h"
#include "base/memory.h"
#include "base/text.h"
#include "client/connect/stamp.h"
#include "client/io/diag.h"
#include "client/io/output.h"
#include "client/results/print_probe.h"
#include "client/results/print_stats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct results *results_new(const struct common_options *common, const struct address *peer)
{
    struct results *a = memory_zeroed(1, sizeof(*a));

    a->common = common;
    a->peer = *peer;
    a->begin = clock_now();
    return a;
}

void results_free(struct results *a)
{
    free(a);
}

/* ---- a line for each ---- */

/* Returns whether to print a line for each reply. If so, begins it with the time if requested. */
static bool begin_line(const struct results *a)
{
    struct timespec now;

    if (a->common->verbosity == VERBOSITY_QUIET)
        return false;
    if (a->common->json || !a->timestamps)
        return true;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("[%lld.%06ld] ", (long long)now.tv_sec, now.tv_nsec / 1000);
    return true;
}

/* Returns how much later than its arrival REPLY was processed; 0 if that is only noise. */
static uint64_t lateness(const struct reply *reply)
{
    uint64_t late = reply->seen - reply->time;

    return late > STAMP_NOISE ? late : 0;
}

/* Describes what else there is to report about REPLY, besides its number and time. */
static void describe(const struct reply *reply, char *buf, size_t size)
{
    char time[TIME_TEXT_MAX];

    if (lateness(reply))
        text_append(buf, size, " on the wire, %s ms until this machine looked",
                    output_time(reply->seen, time));
    if (reply->verdict == REPLY_INTACT)
        return;
    text_append(buf, size, " (%s", verdict_name(reply->verdict));
    if (reply->verdict == REPLY_CORRUPTED && reply->expected < 0)
        text_append(buf, size, ": longer than the probe");
    else if (reply->verdict == REPLY_CORRUPTED)
        text_append(buf, size, " at byte %zu: sent 0x%02x, got 0x%02x", reply->at + 1,
                    (unsigned)reply->expected, (unsigned)reply->got);
    text_append(buf, size, ")");
}

static void print_stray(const struct reply *reply, const char *from)
{
    size_t shown = reply->len < STRAY_SHOWN ? reply->len : STRAY_SHOWN;
    char text[ESCAPED_SIZE(STRAY_SHOWN)];

    escape_bytes(text, reply->data, shown, NULL);
    output_line("%zu byte%s from %s that %s not sent: %s%s", reply->len, plural(reply->len), from,
                reply->len == 1 ? "was" : "were", text, shown < reply->len ? "..." : "");
}

static void print_reply(const struct results *a, const struct reply *reply)
{
    char from[ADDRESS_TEXT_MAX], time[TIME_TEXT_MAX], more[160] = "", of[32] = "", took[48] = "";

    address_format(&a->peer, from, sizeof(from));
    if (reply->verdict == REPLY_STRAY) {
        print_stray(reply, from);
        return;
    }
    if (reply->verdict == REPLY_TRUNCATED)
        snprintf(of, sizeof(of), "of %" PRIu32 " ", reply->size);
    if (a->connect_ns)
        snprintf(took, sizeof(took), " connect=%s ms", output_time(a->connect_ns, time));
    describe(reply, more, sizeof(more));
    output_line("%zu %sbyte%s from %s: seq=%" PRIu32 "%s time=%s ms%s", reply->len, of,
                plural(*of ? reply->size : reply->len), from, reply->seq, took,
                output_time(reply->time, time), more);
}

/* Ends an object, with the time of the probe's own connection if it has one. */
static void end_object(const struct results *a)
{
    if (a->connect_ns)
        output_milliseconds("connect_ms", a->connect_ns);
    output_end();
}

static void add_up(struct results *a, const struct reply *reply)
{
    bool intact = reply->verdict == REPLY_INTACT || reply->verdict == REPLY_LATE ||
                  reply->verdict == REPLY_REORDERED;

    a->verdicts[reply->verdict]++;
    if (reply->verdict != REPLY_STRAY && !reply->again)
        plot_add(&a->plot, intact ? PLOT_INTACT : PLOT_DAMAGED, UINT64_C(1000) * reply->seq,
                 reply->time);
    if (reply->verdict != REPLY_STRAY && !reply->again)
        a->answered++;
    if (!intact)
        return;
    if (lateness(reply))
        a->seen_late++;
    if (lateness(reply) > a->latest)
        a->latest = lateness(reply);
    stats_add(&a->round_trips, reply->time);
}

void results_take(void *context, const struct reply *reply)
{
    struct results *a = context;

    add_up(a, reply);
    if (!begin_line(a))
        return;
    if (!a->common->json) {
        print_reply(a, reply);
        return;
    }
    print_probe_reply(&a->peer, reply);
    end_object(a);
}

void results_overdue(struct results *a, uint32_t seq, uint64_t wait)
{
    char span[DURATION_TEXT_MAX];

    plot_add(&a->plot, PLOT_LOST, UINT64_C(1000) * seq, 0);
    if (!begin_line(a))
        return;
    if (!a->common->json) {
        output_line("no reply to seq=%" PRIu32 " within %s", seq,
                    duration_format(wait, span, sizeof(span)));
        return;
    }
    print_probe_begin(&a->peer, "overdue");
    output_count("seq", seq);
    end_object(a);
}

void results_failure(struct results *a, uint32_t seq, const char *why)
{
    a->errors++;
    plot_add(&a->plot, PLOT_LOST, UINT64_C(1000) * seq, 0);
    if (!begin_line(a))
        return;
    if (!a->common->json) {
        output_line("seq=%" PRIu32 ": %s", seq, why);
        return;
    }
    print_probe_begin(&a->peer, "error");
    output_count("seq", seq);
    output_text("reason", why);
    end_object(a);
}

/* ---- sums ---- */

uint64_t results_received(const struct results *a)
{
    return a->verdicts[REPLY_INTACT] + a->verdicts[REPLY_LATE] + a->verdicts[REPLY_REORDERED];
}

bool results_damaged(const struct results *a)
{
    return a->verdicts[REPLY_TRUNCATED] + a->verdicts[REPLY_CORRUPTED] > 0;
}

/* Returns the loss in percent, rounded down as by ping(8); 0 if nothing was sent. */
static unsigned loss(const struct results *a)
{
    uint64_t received = results_received(a);

    return a->sent > received ? (unsigned)((a->sent - received) * 100 / a->sent) : 0;
}

static uint64_t lost(const struct results *a)
{
    return a->sent > a->answered ? a->sent - a->answered : 0;
}

/* Prints all faults: "3 truncated, 1 lost". */
static void print_faults(const struct results *a)
{
    char line[256] = "";

    for (enum verdict i = REPLY_LATE; i < REPLY_VERDICTS; i++)
        if (a->verdicts[i] > 0)
            text_append(line, sizeof(line), "%s%" PRIu64 " %s", *line ? ", " : "", a->verdicts[i],
                        verdict_name(i));
    if (lost(a) > 0)
        text_append(line, sizeof(line), "%s%" PRIu64 " lost", *line ? ", " : "", lost(a));
    if (a->errors > 0)
        text_append(line, sizeof(line), "%s%" PRIu64 " error%s", *line ? ", " : "", a->errors,
                    plural(a->errors));
    if (*line)
        output_line("%s", line);
}

static void print_summary(const struct results *a)
{
    char from[ADDRESS_TEXT_MAX], took[TIME_TEXT_MAX];

    address_format(&a->peer, from, sizeof(from));
    output_line("--- %s echo statistics ---", from);
    output_line("%" PRIu64 " sent, %" PRIu64 " received, %u%% loss, time %s ms", a->sent,
                results_received(a), loss(a), output_time((clock_now() - a->begin) * 1000, took));
    print_faults(a);
    print_stats_line("connect", &a->connects);
    print_stats_line("round trip", &a->round_trips);
    if (a->seen_late)
        output_line("this machine looked late at %" PRIu64 " repl%s, by up to %s ms", a->seen_late,
                    a->seen_late == 1 ? "y" : "ies", output_time(a->latest, took));
    tcp_facts_print(&a->tcp);
}

static void put_summary(const struct results *a, int status)
{
    output_begin("summary");
    output_address("address", &a->peer);
    output_count("sent", a->sent);
    output_count("received", results_received(a));
    output_count("loss_percent", loss(a));
    output_count("lost", lost(a));
    for (enum verdict i = REPLY_LATE; i < REPLY_VERDICTS; i++)
        output_count(verdict_name(i), a->verdicts[i]);
    output_count("errors", a->errors);
    output_milliseconds("duration_ms", (clock_now() - a->begin) * 1000);
    print_stats_json("connect", &a->connects);
    print_stats_json("rtt", &a->round_trips);
    output_count("seen_late", a->seen_late);
    output_milliseconds("seen_late_max_ms", a->latest);
    tcp_facts_put(&a->tcp);
    output_end_summary(status);
}

void results_interim(const struct results *a)
{
    char p50[TIME_TEXT_MAX], p99[TIME_TEXT_MAX];

    diag_say("%" PRIu64 " of %" PRIu64 " came back, %u%% loss, p50/p99 = %s/%s ms",
             results_received(a), a->sent, loss(a),
             output_time(stats_percentile(&a->round_trips, 500), p50),
             output_time(stats_percentile(&a->round_trips, 990), p99));
}

void results_summary(const struct results *a, int status)
{
    if (a->common->json)
        put_summary(a, status);
    else
        print_summary(a);
}
