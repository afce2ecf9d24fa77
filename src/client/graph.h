/*
 * A histogram as text: how often which time was measured.
 */
#ifndef ECHOD_CLIENT_GRAPH_H
#define ECHOD_CLIENT_GRAPH_H

#include "client/stats.h"

#include <stdbool.h>

/* Prints a line for each step from the least time to the 99th percentile, and one for all beyond;
 * with JSON, an object each. Prints nothing where nothing was measured. */
void graph_print(const struct stats *s, bool json);

#endif
