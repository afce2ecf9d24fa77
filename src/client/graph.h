/*
 * A histogram as text: how often which time was measured.
 */
#ifndef ECHOD_CLIENT_GRAPH_H
#define ECHOD_CLIENT_GRAPH_H

#include "client/stats.h"

#include <stdbool.h>

/* Prints a line for each step of a logarithmic scale, so fine that most times are divided among
 * some of them; steps in which there were none are left out. With JSON, an object each. */
void graph_print(const struct stats *s, bool json);

#endif
