/*
 * Thresholds of the monitoring plugins' API: "10" alerts outside of 0 to 10, "5:" below 5, "~:10"
 * above 10, "5:10" outside, "@5:10" inside (both ends included). In seconds, with a fraction.
 */
#ifndef ECHOD_CLIENT_PLUGIN_THRESHOLD_H
#define ECHOD_CLIENT_PLUGIN_THRESHOLD_H

#include <stdbool.h>
#include <stdint.h>

struct threshold {
    const char *text;  /* as it was written, the caller's; NULL: never alerts */
    uint64_t from, to; /* nanoseconds; UINT64_MAX: no end */
    bool inside;
};

/* Returns 0, or -EINVAL with RANGE untouched. */
int threshold_parse(const char *text, struct threshold *range);

/* Whether NS is what the threshold is there to tell. */
bool threshold_alerts(const struct threshold *range, uint64_t ns);

#endif
