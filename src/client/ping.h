/*
 * The loop of echoc ping: sends when a probe is due, names what comes, gives up what does not.
 */
#ifndef ECHOD_CLIENT_PING_H
#define ECHOD_CLIENT_PING_H

#include "client/account.h"
#include "client/common.h"
#include "client/trip.h"
#include "client/window.h"

#include <stdbool.h>
#include <stdint.h>

struct ping_options {
    uint64_t count;    /* 0: until it is stopped */
    uint64_t interval; /* this and the others in microseconds; 0: as soon as there is a reply */
    uint64_t size;
    uint64_t deadline; /* 0: none */
    uint64_t wait;
    int timestamps;
    int histogram;
    const char *plot;
    uint64_t flows; /* 0: one connection or datagram socket, with a line for each probe */
};

struct ping {
    const struct common *common;
    const struct ping_options *own;
    struct trip trip;
    struct window window;
    struct account *account;
    int stop;
    uint64_t next;     /* when the next probe is due */
    uint64_t deadline; /* when it ends, whatever happens; NEVER */
    bool over;         /* stopped, or at its deadline */
    bool broken;       /* the connection is gone */
};

/* Runs until there is nothing to send or to wait for any more; or the deadline, Ctrl-C, the end of
 * the connection. The caller has filled in all but .next, .deadline, .over and .broken. */
void ping_run(struct ping *p);

#endif
