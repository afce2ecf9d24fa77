/*
 * One of the connections of a load: connects without waiting, has some echoes, and closes; and
 * again.
 */
#ifndef ECHOD_CLIENT_LOAD_LOAD_CONNECTION_H
#define ECHOD_CLIENT_LOAD_LOAD_CONNECTION_H

#include "client/command/common_options.h"
#include "client/probe/probe_stream.h"
#include "client/probe/stats.h"
#include "client/results/error_counts.h"
#include "client/results/plot.h"
#include "client/results/tcp_info.h"

#include <stdbool.h>
#include <stdint.h>

/* A delay that is not worth mentioning, nanoseconds. */
#define LOAD_LATE UINT64_C(1000000)

/* What all connections share, and what they come to. */
struct load_totals {
    const struct common_options *common;
    struct address peer;
    int type; /* of a socket */
    uint32_t run;
    uint32_t size;          /* of a message */
    uint64_t messages_each; /* for each connection */
    bool scheduled;         /* times count from when a connection was due */
    bool ran_short;         /* our own system did */
    uint64_t started;       /* connections that were begun */
    uint64_t completed;     /* connections that had all their echoes */
    uint64_t messages;      /* that came back intact */
    uint64_t late;   /* connections that were begun more than LOAD_LATE after they were due */
    uint64_t latest; /* by so much at most, nanoseconds */
    struct error_counts errors; /* of the others' end */
    struct stats connects, round_trips;
    struct tcp_facts tcp;
    struct plot plot;
    uint64_t begin; /* of the plot's times, nanoseconds */
};

/* All zero but .totals is one that is not in use. */
struct load_connection {
    struct load_totals *totals;
    uint64_t number; /* of the connection, from 1 on */
    struct probe_stream stream;
    struct probe_window window;
    bool busy;       /* has a socket */
    bool connected;  /* it is connected */
    uint64_t begin;  /* nanoseconds */
    uint64_t delay;  /* after it was due, nanoseconds; added to its times */
    uint64_t took;   /* to connect, likewise; of datagrams: 0 */
    uint64_t due;    /* when patience ends, microseconds; NEVER */
    uint64_t left;   /* messages that are to come back yet */
    const char *bad; /* why the last reply was; NULL: it was not */
};

/* Begins a connection, which was due at the moment DUE (nanoseconds). */
void load_connection_start(struct load_connection *c, uint64_t due);

/* What poll(2) should wait for, of c->stream.fd, while it is busy. */
short load_connection_events(const struct load_connection *c);

/* Goes on as far as it can, now that poll(2) has reported something. */
void load_connection_move(struct load_connection *c);

/* Ends it, if its patience is over by NOW. */
void load_connection_expire(struct load_connection *c, uint64_t now);

/* Ends it, without counting it. */
void load_connection_stop(struct load_connection *c);

#endif
