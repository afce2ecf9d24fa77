/*
 * The options of echoc ping.
 */
#ifndef ECHOD_CLIENT_VERBS_PING_OPTIONS_H
#define ECHOD_CLIENT_VERBS_PING_OPTIONS_H

#include <stdint.h>

struct ping_options {
    uint64_t count;    /* 0: until stopped */
    uint64_t interval; /* microseconds, as all times here; 0: send after each reply */
    uint64_t size;
    uint64_t deadline; /* 0: none */
    uint64_t wait;
    int timestamps;
    int histogram;
    const char *plot;
    uint64_t flows; /* 0: one connection or datagram socket, with a line for each probe */
};

#endif
