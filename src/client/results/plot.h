/*
 * A plot of times by gnuplot(1), which receives them as they are measured.
 */
#ifndef ECHOD_CLIENT_RESULTS_PLOT_H
#define ECHOD_CLIENT_RESULTS_PLOT_H

#include "client/io/output_file.h"
#include "client/probe/stats.h"
#include "net/address.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

/* The meaning of a point; a lost probe has no time. */
enum plot_mark { PLOT_INTACT, PLOT_DAMAGED, PLOT_LOST, PLOT_MARKS };

/* All zero: no plot; plot_add() and plot_close() then do nothing. */
struct plot {
    FILE *to;
    pid_t pid;
    int drawn; /* a memory file with gnuplot's output */
    struct output_file file;
    time_t begun;
    uint64_t counts[PLOT_MARKS];
    uint64_t least, greatest; /* range of the times, nanoseconds */
    uint64_t first, last;     /* range of X */
};

/* Opens PATH (.svg or .png) and starts gnuplot. Returns 0 or -errno, reported. */
int plot_open(struct plot *plot, const char *path);

/* Adds a point at X, in thousandths; NS is its time in nanoseconds. */
void plot_add(struct plot *plot, enum plot_mark mark, uint64_t x, uint64_t ns);

/* Titles and labels of the plot. */
struct plot_text {
    const char *verb;
    const struct address *peer;
    const char *transport; /* "TCP", "UDP" */
    uint64_t size;         /* of a probe, bytes */
    const char *x_axis;
    const struct stats *times; /* for lines at the percentiles */
};

/* Lets gnuplot draw, waits for it, and writes the file. Returns 0 or -errno, reported. */
int plot_close(struct plot *plot, const struct plot_text *text);

#endif
