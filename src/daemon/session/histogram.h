/*
 * Histograms of ended sessions, in the form of Prometheus: how many took no longer than each of
 * some bounds, which grow 1, 2, 5, 10; and the sum. Values are in microseconds.
 */
#ifndef ECHOD_DAEMON_SESSION_HISTOGRAM_H
#define ECHOD_DAEMON_SESSION_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_BOUNDS_MAX 28

struct histogram {
    uint64_t count[HISTOGRAM_BOUNDS_MAX + 1]; /* not beyond this bound, but beyond that before */
    uint64_t sum;
};

struct histograms {
    struct histogram duration, rtt;
};

struct histogram_row {
    const char *name;   /* in the handover */
    const char *metric; /* without the prefix "echod_" */
    const char *help;
    size_t offset;
    uint64_t first;  /* the first bound, and */
    unsigned bounds; /* the number of bounds; larger values are counted after the last */
};

extern const struct histogram_row histogram_table[];
extern const size_t histogram_count;

/* The histogram of ROW. */
const struct histogram *histogram_of(const struct histograms *all, const struct histogram_row *row);

/* The bound INDEX; UINT64_MAX after the last. */
uint64_t histogram_bound(const struct histogram_row *row, unsigned index);

/* Counts a session that has ended. */
void histograms_add_duration(struct histograms *all, uint64_t usec);
void histograms_add_rtt(struct histograms *all, uint64_t usec);

/* Lines for the handover, which begin with "histogram ", and reading such a LINE; if the bounds
 * have changed between versions, counts are added to matching ones. Returns 0 or -EPROTO. */
void histograms_write(const struct histograms *all, FILE *to);
int histograms_read(struct histograms *all, const char *line);

#endif
