/*
 * Silences over connections, many at once: the step of echoc idle.
 */
#ifndef ECHOD_CLIENT_VERBS_SILENCE_H
#define ECHOD_CLIENT_VERBS_SILENCE_H

#include "client/command/common_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idle_options {
    uint64_t shortest, longest; /* this and the others in microseconds */
    uint64_t precision;
    uint64_t deadline;    /* 0: none */
    uint64_t connections; /* at once */
};

struct idle {
    const struct common_options *common;
    const struct idle_options *opts;
    struct attempts *attempts;
    struct address peer;
    int interrupts;
    bool met;          /* an echo came, from .peer */
    uint64_t deadline; /* of all; NEVER */
    uint64_t alive;    /* the longest silence that a connection survived */
    uint64_t cut;      /* the shortest that none did; NEVER */
    bool noticed;      /* it was cut after just .cut, for that was noticed when it happened */
    bool found;        /* such a silence, this time */
    const char *how;   /* it was cut, in a word; NULL: it was not */
    const char *told;  /* the same in words */
    const char *why;   /* there are no more connections; NULL: there are */
    bool restless;     /* the server speaks unasked, again and again */
    bool ran_short;    /* our own system did: there are no more connections */
    bool over;         /* Ctrl-C, the deadline, or no more connections */
};

/*
 * Makes a connection for each of the COUNT SPANS, in ascending order, has an echo over it, is
 * silent for so long, and has another; all at once, or as many as may be. Tells of each, and stops
 * at the first that is cut: .alive and .cut are then nearer to each other.
 */
void idle_try(struct idle *i, const uint64_t *spans, size_t count);

#endif
