/*
 * The probes that were sent last, and what became of each: as many as a ring holds.
 */
#ifndef ECHOD_CLIENT_PROBE_PROBE_WINDOW_H
#define ECHOD_CLIENT_PROBE_PROBE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

enum fate {
    FATE_NONE,     /* there is no such probe */
    FATE_AWAITED,  /* sent */
    FATE_OVERDUE,  /* sent, and given up; it may still come */
    FATE_ANSWERED, /* something came back for it: a second answer is a duplicate */
};

struct sent {
    uint32_t seq;
    uint32_t size;
    uint64_t time;     /* nanoseconds */
    uint64_t departed; /* by the kernel's clock; 0: not known */
    enum fate fate;
};

struct probe_window {
    struct sent *ring;
    uint32_t size;
    uint32_t next;    /* the sequence number of the next probe */
    uint32_t oldest;  /* no probe before this one is awaited */
    uint32_t highest; /* of those that were answered; 0: none was */
};

/* A window of SIZE probes, a power of two lest numbers may not wrap; the first is number 1. The
 * caller gives it back by probe_window_free(). */
void probe_window_init(struct probe_window *w, uint32_t size);
void probe_window_free(struct probe_window *w);

/* Notes the next probe, and forgets the one that had its place. Returns it. */
struct sent *probe_window_add(struct probe_window *w, uint32_t size, uint64_t time);

/* The probe SEQ; NULL where it was never sent, or is forgotten. */
struct sent *probe_window_get(const struct probe_window *w, uint32_t seq);

/* The newest probe whose sequence number agrees with SEQ in its low BITS; NULL: none. */
struct sent *probe_window_guess(const struct probe_window *w, uint32_t seq, unsigned bits);

/* The oldest probe that is awaited; NULL: none is. */
struct sent *probe_window_oldest(struct probe_window *w);

#endif
