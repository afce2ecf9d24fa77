/*
 * Prints statistics of times.
 */
#ifndef ECHOD_CLIENT_RESULTS_PRINT_STATS_H
#define ECHOD_CLIENT_RESULTS_PRINT_STATS_H

#include "client/probe/stats.h"

/* Prints a line that begins with WHAT was timed; nothing if there are no times. */
void print_stats_line(const char *what, const struct stats *s);

/* The same with more percentiles: 90 and 99.9. */
void print_stats_tail(const char *what, const struct stats *s);

/* The same as members of a JSON object: WHAT_min_ms and so on. */
void print_stats_json(const char *what, const struct stats *s);

#endif
