/*
 * A histogram of times as text.
 */
#ifndef ECHOD_CLIENT_RESULTS_HISTOGRAM_H
#define ECHOD_CLIENT_RESULTS_HISTOGRAM_H

#include "client/probe/stats.h"

#include <stdbool.h>

/* Prints a line for each non-empty step of a logarithmic scale, which is fine enough to spread most
 * times over several steps. With JSON, prints an object for each. */
void histogram_print(const struct stats *s, bool json);

#endif
