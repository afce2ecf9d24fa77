/*
 * What a worker tells the daemon while it lives: a page of shared memory, written by the one and
 * read by the other. Each worker sees only its own.
 */
#ifndef ECHOD_WORKER_SLOT_H
#define ECHOD_WORKER_SLOT_H

#include <stdatomic.h>
#include <stdint.h>

enum slot_state { SLOT_STARTING, SLOT_SERVING, SLOT_ENDING };

struct slot {
    _Atomic uint64_t bytes_in;
    _Atomic uint64_t bytes_out;
    _Atomic uint64_t messages;
    _Atomic int state; /* enum slot_state */
    _Atomic int error; /* the errno behind END_IO and END_SETUP */
};

/* One writer each: a relaxed load and store is an addition, and costs what plain memory does. */
static inline void slot_count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

#endif
