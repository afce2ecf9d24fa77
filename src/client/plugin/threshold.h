/*
 * Thresholds in the syntax of monitoring plugins: "10" alerts outside 0 to 10, "5:" below 5, "~:10"
 * above 10, "5:10" outside, "@5:10" inside (both ends included). In seconds, with a fraction.
 */
#ifndef ECHOD_CLIENT_PLUGIN_THRESHOLD_H
#define ECHOD_CLIENT_PLUGIN_THRESHOLD_H

#include <stdbool.h>
#include <stdint.h>

struct threshold {
    const char *text;  /* as written; points into the caller's text; NULL: never alerts */
    uint64_t from, to; /* nanoseconds; UINT64_MAX: no end */
    bool inside;
};

/* Returns 0, or -EINVAL with RANGE unchanged. */
int threshold_parse(const char *text, struct threshold *range);

/* Whether the threshold alerts at NS nanoseconds. */
bool threshold_alerts(const struct threshold *range, uint64_t ns);

#endif
