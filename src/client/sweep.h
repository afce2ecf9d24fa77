/*
 * What becomes of a probe of one size: the step of echoc sweep.
 */
#ifndef ECHOD_CLIENT_SWEEP_H
#define ECHOD_CLIENT_SWEEP_H

#include "client/common.h"
#include "client/error_queue.h"
#include "client/link.h"
#include "client/trip.h"
#include "client/window.h"

#include <stdbool.h>
#include <stdint.h>

struct sweep_options {
    uint64_t smallest, largest; /* bytes */
    uint64_t tries;
    uint64_t wait; /* microseconds */
};

enum passage { PASSES, LOST, TRUNCATED, CORRUPTED, TOO_LARGE, CLOSED, REFUSED, BROKEN, STOPPED };

/* In a word, for programs. */
const char *sweep_name(enum passage passage);

struct sweep {
    const struct common *common;
    const struct sweep_options *own;
    struct attempts *attempts;
    struct link link; /* .fd -1: to be made anew */
    struct trip trip;
    struct window window;
    struct reply last;            /* without its data */
    struct queued_error reported; /* the last error that the network reported; .error 0: none */
    int stop;
    bool ran_short; /* our own system did */
};

/* PASSAGE in words, with who reported it, in BUF of SWEEP_WORDS_MAX bytes. Returns BUF. */
#define SWEEP_WORDS_MAX 320
const char *sweep_words(const struct sweep *s, enum passage passage, char *buf);

/* The IP packet that a datagram of SIZE bytes makes. */
uint32_t sweep_packet(const struct sweep *s, uint32_t size);

/* Makes a connection if there is none. Returns 0 or -errno, reported; sweep_disconnect() ends it.
 */
int sweep_connect(struct sweep *s);
void sweep_disconnect(struct sweep *s);

/* Tries SIZE, which may be lost by chance some times, and prints what became of it. */
enum passage sweep_size(struct sweep *s, uint32_t size);

#endif
