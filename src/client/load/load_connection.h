/*
 * One connection slot of a load: connects without blocking, exchanges some messages, closes, and is
 * used again.
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

/* Delays up to this, in nanoseconds, are not reported. */
#define LOAD_LATE UINT64_C(1000000)

/* What all connections share, and their results. */
struct load_totals {
    const struct common_options *common;
    struct address peer;
    int type; /* of the sockets */
    uint32_t run;
    uint32_t size;              /* of a message, bytes */
    uint64_t messages_each;     /* for each connection */
    bool scheduled;             /* times are measured from when a connection was due */
    bool ran_short;             /* this machine ran short of resources */
    uint64_t started;           /* connections started */
    uint64_t completed;         /* connections that received all their echoes */
    uint64_t messages;          /* messages that came back intact */
    uint64_t late;              /* connections started more than LOAD_LATE after they were due */
    uint64_t latest;            /* the longest such delay, nanoseconds */
    struct error_counts errors; /* of connections that failed */
    struct stats connects, round_trips;
    struct tcp_facts tcp;
    struct plot plot;
    uint64_t begin; /* the origin of the plot's times, nanoseconds */
};

/* All zero but .totals: not in use. */
struct load_connection {
    struct load_totals *totals;
    uint64_t number; /* of the connection, from 1 */
    struct probe_stream stream;
    struct probe_window window;
    bool busy;       /* has a socket */
    bool connected;  /* connecting has succeeded */
    uint64_t begin;  /* when it started, nanoseconds */
    uint64_t delay;  /* from when it was due until it started, nanoseconds; part of its times */
    uint64_t took;   /* to connect, nanoseconds; 0 for datagrams */
    uint64_t due;    /* when it times out, microseconds; NEVER */
    uint64_t left;   /* messages still to come back */
    const char *bad; /* what is wrong with the last reply; NULL: nothing */
};

/* Starts a connection that was due at DUE (nanoseconds). */
void load_connection_start(struct load_connection *c, uint64_t due);

/* The events for poll(2) on c->stream.fd, while C is busy. */
short load_connection_events(const struct load_connection *c);

/* Proceeds as far as possible without blocking, after poll(2) has reported an event. */
void load_connection_move(struct load_connection *c);

/* Ends the connection if it has timed out by NOW. */
void load_connection_expire(struct load_connection *c, uint64_t now);

/* Ends the connection without counting it. */
void load_connection_stop(struct load_connection *c);

#endif
