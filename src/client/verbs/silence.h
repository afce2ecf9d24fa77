/*
 * One step of echoc idle: tests silences of several lengths, each on its own connection, at once.
 */
#ifndef ECHOD_CLIENT_VERBS_SILENCE_H
#define ECHOD_CLIENT_VERBS_SILENCE_H

#include "client/command/common_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idle_options {
    uint64_t shortest, longest; /* microseconds, as all times here */
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
    bool met;          /* .peer has echoed */
    uint64_t deadline; /* for all steps; NEVER */
    uint64_t alive;    /* the longest silence that a connection survived */
    uint64_t cut;      /* the shortest silence after which a connection was dead; NEVER */
    bool noticed;      /* .cut is exact, because the end of the connection was observed */
    bool found;        /* this step found a silence that cuts connections */
    const char *how;   /* how the connection was cut, in a word; NULL: it was not */
    const char *told;  /* the same as a phrase for messages */
    const char *why;   /* why no more connections can be made; NULL: they can */
    bool restless;     /* the server keeps sending data without being asked */
    bool ran_short;    /* no more connections: this machine ran short of resources */
    bool over;         /* Ctrl-C, the deadline, or no more connections */
};

/*
 * Opens a connection for each of the COUNT SPANS, in ascending order; each gets an echo, is silent
 * for its span, and requests another echo. They run in parallel as far as the limits permit.
 * Reports each result, and stops at the first connection that is cut. Afterwards, .alive and .cut
 * are closer to each other.
 */
void idle_try(struct idle *i, const uint64_t *spans, size_t count);

#endif
