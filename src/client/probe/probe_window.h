/*
 * The most recent probes, in a ring of fixed size, and the state of each.
 */
#ifndef ECHOD_CLIENT_PROBE_PROBE_WINDOW_H
#define ECHOD_CLIENT_PROBE_PROBE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

enum fate {
    FATE_NONE,     /* there is no such probe */
    FATE_AWAITED,  /* sent, not answered yet */
    FATE_OVERDUE,  /* given up, although an answer may still arrive */
    FATE_ANSWERED, /* answered: another answer is a duplicate */
};

struct sent {
    uint32_t seq;
    uint32_t size;
    uint64_t time;     /* nanoseconds */
    uint64_t departed; /* by the kernel's timestamp, nanoseconds; 0: not known */
    enum fate fate;
};

struct probe_window {
    struct sent *ring;
    uint32_t size;
    uint32_t next;    /* the sequence number of the next probe */
    uint32_t oldest;  /* no probe before this one is awaited */
    uint32_t highest; /* the latest that was answered; 0: none */
};

/* Initialises a window of SIZE probes, a power of two so that sequence numbers can wrap around. The
 * first probe is number 1. The caller calls probe_window_free(). */
void probe_window_init(struct probe_window *w, uint32_t size);
void probe_window_free(struct probe_window *w);

/* Adds the next probe, and drops the one in its place. Returns the new probe. */
struct sent *probe_window_add(struct probe_window *w, uint32_t size, uint64_t time);

/* The probe SEQ; NULL if it was not sent, or was dropped. */
struct sent *probe_window_get(const struct probe_window *w, uint32_t seq);

/* The newest probe whose sequence number equals SEQ in the low BITS; NULL: none. */
struct sent *probe_window_guess(const struct probe_window *w, uint32_t seq, unsigned bits);

/* The oldest awaited probe; NULL: none. */
struct sent *probe_window_oldest(struct probe_window *w);

#endif
