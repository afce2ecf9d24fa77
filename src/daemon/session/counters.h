/*
 * The counters since the start of the daemon. One row per counter, which drives the status, the
 * metrics and the handover.
 */
#ifndef ECHOD_DAEMON_SESSION_COUNTERS_H
#define ECHOD_DAEMON_SESSION_COUNTERS_H

#include "daemon/session/datagram_counters.h"
#include "daemon/session/histogram.h"

#include <stddef.h>
#include <stdint.h>

struct counters {
    uint64_t served, refused, crashed, violations;
    uint64_t bytes_in, bytes_out, messages;
    uint64_t dropped, reloads, rejected;
    struct datagram_counters datagrams; /* of datagram workers that have ended */
    struct histograms sessions;
};

struct counter_row {
    const char *name;   /* in the status */
    const char *metric; /* without the prefix "echod_" */
    const char *help;
    size_t offset;
};

extern const struct counter_row counter_table[];
extern const size_t counter_count;

/* Whether ROW is one of datagrams; *COUNTER is which. */
bool counter_is_datagram(const struct counter_row *row, enum datagram_counter *counter);

/* The count of ROW in TOTALS. */
uint64_t *counter_of(struct counters *counters, const struct counter_row *row);

#endif
