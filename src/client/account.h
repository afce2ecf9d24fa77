/*
 * The account of a measurement: a line for each reply, what they come to, and the summary.
 */
#ifndef ECHOD_CLIENT_ACCOUNT_H
#define ECHOD_CLIENT_ACCOUNT_H

#include "client/common.h"
#include "client/plot.h"
#include "client/stats.h"
#include "client/tcp_info.h"
#include "client/trip.h"

struct account {
    const struct common *common;
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

/* An account of nothing yet, which the caller gives back by account_free(). */
struct account *account_new(const struct common *common, const struct address *peer);
void account_free(struct account *a);

/* Something came back: of the type of trip.take, CONTEXT is a struct account. */
void account_take(void *context, const struct reply *reply);

/* The probe SEQ was given up: after WAIT microseconds, or for the reason WHY. */
void account_overdue(struct account *a, uint32_t seq, uint64_t wait);
void account_failure(struct account *a, uint32_t seq, const char *why);

/* How many intact replies there were. */
uint64_t account_received(const struct account *a);

/* Whether a reply was truncated or corrupted. */
bool account_damaged(const struct account *a);

/* A line on standard error on how far it is; and the end. STATUS is the exit status to be. */
void account_interim(const struct account *a);
void account_summary(const struct account *a, int status);

#endif
