/*
 * A picture of times against probes, drawn by gnuplot(1), which gets them as they are measured.
 */
#ifndef ECHOD_CLIENT_PLOT_H
#define ECHOD_CLIENT_PLOT_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* All zero is none: plot_add() and plot_close() then do nothing. */
struct plot {
    FILE *to;
    pid_t pid;
    const char *path;
};

/* Starts gnuplot, which is to write PATH (.svg or .png). Returns 0 or -errno, reported. */
int plot_open(struct plot *plot, const char *path);

/* The time of the probe with the number SEQ. */
void plot_add(struct plot *plot, uint64_t seq, uint64_t ns);

/* Has it drawn, and waits. Returns 0 or -EIO, reported. */
int plot_close(struct plot *plot);

#endif
