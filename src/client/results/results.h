/*
 * The results of a measurement: a line for each reply, totals, and the summary.
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
    bool timestamps; /* print one before each line of text */
    struct address peer;
    uint64_t connect_ns; /* how long connecting took for this probe; 0: it has no own connection */
    uint64_t begin;      /* microseconds of clock_now() */
    uint64_t sent;
    uint64_t answered; /* probes with any reply, each counted once */
    uint64_t errors;   /* reported by the system */
    uint64_t verdicts[REPLY_VERDICTS];
    uint64_t seen_late; /* replies that this machine read late, by more than noise */
    uint64_t latest;    /* the longest such delay, nanoseconds */
    struct stats round_trips, connects;
    struct tcp_facts tcp;
    struct plot plot;
};

/* Returns empty results. The caller frees them with results_free(). */
struct results *results_new(const struct common_options *common, const struct address *peer);
void results_free(struct results *a);

/* A reply was received. For probe_stream.take; CONTEXT is a struct results. */
void results_take(void *context, const struct reply *reply);

/* The probe SEQ was given up: after WAIT microseconds, or because of WHY. */
void results_overdue(struct results *a, uint32_t seq, uint64_t wait);
void results_failure(struct results *a, uint32_t seq, const char *why);

/* The number of intact replies. */
uint64_t results_received(const struct results *a);

/* Whether a reply was truncated or corrupted. */
bool results_damaged(const struct results *a);

/* Print interim results, one line on standard error, and the summary. STATUS is the exit status
 * that the program will have. */
void results_interim(const struct results *a);
void results_summary(const struct results *a, int status);

#endif
