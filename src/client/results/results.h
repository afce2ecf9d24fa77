/*
 * The results of a measurement: a line for each reply, what they come to, and the summary.
 */
#ifndef ECHOD_CLIENT_RESULTS_RESULTS_H
#define ECHOD_CLIENT_RESULTS_RESULTS_H

#include "client/command/common_options.h"
#include "client/probe/probe_stream.h"
#include "client/probe/stats.h"
#include "client/results/plot.h"
#include "client/results/tcp_info.h"

struct results {
    const struct common_options *common;
    bool timestamps; /* before each line for people */
    struct address peer;
    uint64_t connect_ns; /* how long the connection of this probe took; 0: it has none of its own */
    uint64_t begin;      /* microseconds of clock_now() */
    uint64_t sent;
    uint64_t answered; /* different probes that something came back for */
    uint64_t errors;   /* that the system told us of */
    uint64_t verdicts[REPLY_VERDICTS];
    uint64_t seen_late; /* replies that this machine looked at late, by more than noise */
    uint64_t latest;    /* by so much at most, nanoseconds */
    struct stats round_trips, connects;
    struct tcp_facts tcp;
    struct plot plot;
};

/* Results of nothing yet, which the caller gives back by results_free(). */
struct results *results_new(const struct common_options *common, const struct address *peer);
void results_free(struct results *a);

/* Something came back: of the type of probe_stream.take, CONTEXT is a struct results. */
void results_take(void *context, const struct reply *reply);

/* The probe SEQ was given up: after WAIT microseconds, or for the reason WHY. */
void results_overdue(struct results *a, uint32_t seq, uint64_t wait);
void results_failure(struct results *a, uint32_t seq, const char *why);

/* How many intact replies there were. */
uint64_t results_received(const struct results *a);

/* Whether a reply was truncated or corrupted. */
bool results_damaged(const struct results *a);

/* A line on standard error on how far it is; and the end. STATUS is the exit status to be. */
void results_interim(const struct results *a);
void results_summary(const struct results *a, int status);

#endif
