/*
 * How statistics of times are shown.
 */
#ifndef ECHOD_CLIENT_TIMES_H
#define ECHOD_CLIENT_TIMES_H

#include "client/stats.h"

/* A line that begins with WHAT they are the times of; of none, nothing. */
void times_print(const char *what, const struct stats *s);

/* The same with more percentiles: 90 and 99.9. */
void times_print_tail(const char *what, const struct stats *s);

/* The same as members of an object: WHAT_min_ms and so on. */
void times_put(const char *what, const struct stats *s);

#endif
