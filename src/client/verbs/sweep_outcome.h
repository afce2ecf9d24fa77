/*
 * The possible outcomes for probes of one size.
 */
#ifndef ECHOD_CLIENT_VERBS_SWEEP_OUTCOME_H
#define ECHOD_CLIENT_VERBS_SWEEP_OUTCOME_H

#include "client/connect/error_queue.h"

#include <stdbool.h>

enum sweep_outcome {
    PASSES,
    LOST,
    TRUNCATED,
    CORRUPTED,
    TOO_LARGE,
    CLOSED,
    REFUSED,
    BROKEN,
    STOPPED
};

/* The outcome as a keyword for programs. */
const char *sweep_outcome_name(enum sweep_outcome outcome);

/* Whether OUTCOME is an error, and REPORTED the network's report of it. */
bool sweep_outcome_is_reported(enum sweep_outcome outcome, const struct queued_error *reported);

/* Describes the outcome, with the host that REPORTED it, if any, in BUF of SWEEP_OUTCOME_TEXT_MAX
 * bytes. Returns BUF. */
#define SWEEP_OUTCOME_TEXT_MAX 320
const char *sweep_outcome_text(enum sweep_outcome outcome, const struct queued_error *reported,
                               char *buf);

#endif
