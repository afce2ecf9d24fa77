/*
 * What has been counted since the daemon was started. One row per count, from which the status, the
 * metrics and the handover at a reload are made.
 */
#ifndef ECHOD_DAEMON_TOTALS_H
#define ECHOD_DAEMON_TOTALS_H

#include "daemon/histogram.h"
#include "daemon/tallies.h"

#include <stddef.h>
#include <stdint.h>

struct totals {
    uint64_t served, refused, crashed, violations;
    uint64_t bytes_in, bytes_out, messages;
    uint64_t dropped, reloads, rejected;
    struct tallies tallies; /* of datagram workers that have ended */
    struct histograms sessions;
};

struct total_row {
    const char *name;   /* in the status */
    const char *metric; /* without the prefix "echod_" */
    const char *help;
    size_t offset;
};

extern const struct total_row total_table[];
extern const size_t total_count;

/* Whether ROW is one of the tallies; *TALLY is which. */
bool total_is_tally(const struct total_row *row, enum tally *tally);

/* The count of ROW in TOTALS. */
uint64_t *total_of(struct totals *totals, const struct total_row *row);

#endif
