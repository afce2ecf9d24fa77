/*
 * One of many callers: connects without waiting, has some echoes, and closes; and again.
 */
#ifndef ECHOD_CLIENT_CALLER_H
#define ECHOD_CLIENT_CALLER_H

#include "client/causes.h"
#include "client/common.h"
#include "client/plot.h"
#include "client/stats.h"
#include "client/tcp_info.h"
#include "client/trip.h"

#include <stdbool.h>
#include <stdint.h>

/* A delay that is not worth mentioning, nanoseconds. */
#define CALLER_LATE UINT64_C(1000000)

/* What all callers share. */
struct calls {
    const struct common *common;
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
    uint64_t late;   /* connections that were begun more than CALLER_LATE after they were due */
    uint64_t latest; /* by so much at most, nanoseconds */
    struct causes causes; /* of the others' end */
    struct stats connects, round_trips;
    struct tcp_facts tcp;
    struct plot plot;
    uint64_t begin; /* of the plot's times, nanoseconds */
};

/* All zero but .calls is one that is at rest. */
struct caller {
    struct calls *calls;
    uint64_t number; /* of the connection, from 1 on */
    struct trip trip;
    struct window window;
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
void caller_start(struct caller *c, uint64_t due);

/* What poll(2) should wait for, of c->trip.fd, while it is busy. */
short caller_events(const struct caller *c);

/* Goes on as far as it can, now that poll(2) has reported something. */
void caller_move(struct caller *c);

/* Ends it, if its patience is over by NOW. */
void caller_expire(struct caller *c, uint64_t now);

/* Ends it, without counting it. */
void caller_stop(struct caller *c);

#endif
