/*
 * The workers that ask the scribe at this moment: one connection, one letter, one answer, which is
 * a byte, the errno of the sink. None is waited for, and none keeps its place for long.
 */
#ifndef ECHOD_SCRIBE_ASKERS_H
#define ECHOD_SCRIBE_ASKERS_H

#include "scribe/sink.h"

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

/* Those that are heard at once; more of them wait in the backlog. */
#define ASKERS_MAX 32

struct askers {
    int listener;
    enum sink sink;
    struct asker {
        int fd; /* -1: a free place */
        pid_t pid;
        uint64_t deadline; /* clock_now(): it should have sent its letter */
    } item[ASKERS_MAX];
};

void askers_init(struct askers *askers, int listener, enum sink sink);

/* Fills POLLED, of ASKERS_MAX + 1 entries, with the listener and the askers' connections. */
void askers_watch(const struct askers *askers, struct pollfd *polled);

/* Handles what poll(2) found in POLLED, and ends with those whose time is over. */
void askers_attend(struct askers *askers, const struct pollfd *polled);

/* When that has to be done at the latest, clock_now(); UINT64_MAX: nobody is there. */
uint64_t askers_next(const struct askers *askers);

#endif
