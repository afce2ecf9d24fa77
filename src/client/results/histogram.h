/*
 * A histogram as text: how often which time was measured.
 */
#ifndef ECHOD_CLIENT_RESULTS_HISTOGRAM_H
#define ECHOD_CLIENT_RESULTS_HISTOGRAM_H

#include "client/probe/stats.h"

#include <stdbool.h>

/* Prints a line for each step of a logarithmic scale, so fine that most times are divided among
 * some of them; steps in which there were none are left out. With JSON, an object each. */
void histogram_print(const struct stats *s, bool json);

#endif
