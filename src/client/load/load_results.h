/*
 * The results of echoc load, and printing them.
 */
#ifndef ECHOD_CLIENT_LOAD_LOAD_RESULTS_H
#define ECHOD_CLIENT_LOAD_LOAD_RESULTS_H

#include "client/load/load_connection.h"
#include "client/load/schedule.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct load_options {
    uint64_t connections; /* at once */
    uint64_t rate;        /* new ones a second; 0: as fast as it goes */
    uint64_t time;        /* microseconds; 0: until .count */
    uint64_t count;       /* in all; 0: until .time */
    uint64_t messages;    /* each */
    uint64_t size;        /* of a message */
    const char *plot;
};

struct load {
    const struct load_options *opts;
    struct load_totals *totals;
    struct load_connection *connections; /* opts->connections of them */
    struct pollfd *set;                  /* for each; and the signals */
    bool progress;                       /* is told */
    bool over;                           /* stopped by the user */
    struct schedule schedule;
    uint64_t ended;   /* when it did, nanoseconds */
    uint64_t patient; /* until when those that are due are waited for, nanoseconds; NEVER */
    uint64_t tick;    /* when progress is to be told, and what was printed written, microseconds */
};

/* Connections that were due by the end, and those that neither were completed nor failed. */
uint64_t load_scheduled(const struct load *l);
uint64_t load_unfinished(const struct load *l);

/* Tells on standard error how far it is, between BEGIN and END. */
void load_progress(const struct load *l, const char *begin, const char *end);

/* Prints the summary, which has the exit STATUS. */
void load_summary(const struct load *l, int status);

#endif
