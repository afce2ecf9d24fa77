#include "client/results/tcp_info.h"

#include "base/clock.h"
#include "base/text.h"
#include "client/io/diag.h"
#include "client/io/output.h"
#include "net/tcp_stats.h"

#include <inttypes.h>
#include <stdio.h>

#define LINE_SIZE 400

void tcp_facts_add(struct tcp_facts *facts, int fd)
{
    struct tcp_stats stats;

    if (!tcp_stats_get(&stats, fd))
        return;
    if (facts->connections == 0 || stats.min_rtt < facts->rtt_least)
        facts->rtt_least = stats.min_rtt;
    facts->connections++;
    facts->rtt += stats.rtt;
    facts->rtt_deviation += stats.rttvar;
    facts->retransmits += stats.retransmits;
    facts->lost += stats.lost;
    if (stats.delivery_rate > facts->delivery_rate)
        facts->delivery_rate = stats.delivery_rate;
    facts->busy += stats.busy;
    facts->window_limited += stats.rwnd_limited;
    facts->buffer_limited += stats.sndbuf_limited;
}

static const char *limit_of(const struct tcp_facts *f)
{
    return tcp_limit(f->busy, f->window_limited, f->buffer_limited);
}

static const char *format(const struct tcp_facts *f, char *line)
{
    char rtt[TIME_TEXT_MAX], deviation[TIME_TEXT_MAX], least[TIME_TEXT_MAX], busy[TIME_TEXT_MAX];

    *line = '\0';
    text_append(line, LINE_SIZE, "TCP round trip %s ms (deviation %s, least %s), ",
                output_time(f->rtt / f->connections * NSEC_PER_USEC, rtt),
                output_time(f->rtt_deviation / f->connections * NSEC_PER_USEC, deviation),
                output_time(f->rtt_least * NSEC_PER_USEC, least));
    text_append(line, LINE_SIZE,
                "%" PRIu64 " retransmit%s, %" PRIu64 " lost, %.1f MB/s delivered, ", f->retransmits,
                plural(f->retransmits), f->lost, (double)f->delivery_rate / 1e6);
    text_append(line, LINE_SIZE, "limited by the %s (sending for %s ms)", limit_of(f),
                output_time(f->busy * NSEC_PER_USEC, busy));
    return line;
}

void tcp_facts_print(const struct tcp_facts *facts)
{
    char line[LINE_SIZE];

    if (facts->connections > 0)
        output_line("%s", format(facts, line));
}

void tcp_facts_report(const struct tcp_facts *facts)
{
    char line[LINE_SIZE];

    if (facts->connections > 0)
        diag_say("%s", format(facts, line));
}

void tcp_facts_put(const struct tcp_facts *facts)
{
    if (facts->connections == 0)
        return;
    output_milliseconds("tcp_rtt_ms", facts->rtt / facts->connections * NSEC_PER_USEC);
    output_milliseconds("tcp_rtt_deviation_ms",
                        facts->rtt_deviation / facts->connections * NSEC_PER_USEC);
    output_milliseconds("tcp_rtt_least_ms", facts->rtt_least * NSEC_PER_USEC);
    output_count("tcp_retransmits", facts->retransmits);
    output_count("tcp_lost", facts->lost);
    output_count("tcp_delivery_rate", facts->delivery_rate);
    output_milliseconds("tcp_busy_ms", facts->busy * NSEC_PER_USEC);
    output_milliseconds("tcp_window_limited_ms", facts->window_limited * NSEC_PER_USEC);
    output_milliseconds("tcp_buffer_limited_ms", facts->buffer_limited * NSEC_PER_USEC);
    output_text("tcp_limited_by", limit_of(facts));
}
