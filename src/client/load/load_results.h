/*
 * The results of echoc load, and how they are printed.
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
    uint64_t rate;        /* new connections per second; 0: as fast as possible */
    uint64_t time;        /* microseconds; 0: until .count */
    uint64_t count;       /* connections in all; 0: until .time */
    uint64_t messages;    /* per connection */
    uint64_t size;        /* of a message, bytes */
    const char *plot;
};

struct load {
    const struct load_options *opts;
    struct load_totals *totals;
    struct load_connection *connections; /* opts->connections of them */
    struct pollfd *set;                  /* one for each connection, then the signals */
    bool progress;                       /* is printed */
    bool over;                           /* stopped by the user */
    struct schedule schedule;
    uint64_t ended;   /* when the load ended, nanoseconds */
    uint64_t patient; /* until when to wait for connections that are due, nanoseconds; NEVER */
    uint64_t tick;    /* when to print progress and flush the output, microseconds */
};

/* Connections that were due by the end, and those that neither completed nor failed. */
uint64_t load_scheduled(const struct load *l);
uint64_t load_unfinished(const struct load *l);

/* Prints the progress on standard error, between the strings BEGIN and END. */
void load_progress(const struct load *l, const char *begin, const char *end);

/* Prints the summary, which includes the exit STATUS. */
void load_summary(const struct load *l, int status);

#endif
