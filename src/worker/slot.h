/*
 * What a worker tells the daemon while it lives: a page of shared memory, written by the one and
 * read by the other. Each worker sees only its own.
 *
 * One worker asks something, too: behind a proxy, whether the client that the proxy told of is to
 * be served. It writes whom it means, sets SLOT_ASKING, and sends SLOT_SIGNAL, by which the kernel
 * tells the daemon who asks. The daemon writes the answer, and sends the signal back.
 */
#ifndef ECHOD_WORKER_SLOT_H
#define ECHOD_WORKER_SLOT_H

#include "net/address.h"
#include "worker/tally.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

/* Queued for each sender, as a real-time signal; blocked in both. */
#define SLOT_SIGNAL (SIGRTMIN + 2)
#define SLOT_WORDS_MAX 128

enum slot_state { SLOT_STARTING, SLOT_SERVING, SLOT_ENDING, SLOT_ASKING };
enum slot_answer { SLOT_UNANSWERED, SLOT_ADMITTED, SLOT_REFUSED };

struct slot {
    _Atomic uint64_t bytes_in;
    _Atomic uint64_t bytes_out;
    _Atomic uint64_t messages;
    _Atomic uint64_t tally[TALLY_COUNT]; /* of a datagram worker, in place of those above */
    _Atomic int state;                   /* enum slot_state */
    _Atomic int error;                   /* the errno behind END_IO, END_SETUP and END_PROXY */
    struct address told;        /* the client, while SLOT_ASKING; len 0: none but the proxy */
    _Atomic int answer;         /* enum slot_answer, which the daemon writes after: */
    char words[SLOT_WORDS_MAX]; /* what a refused client is to be told */
};

/* One writer each: a relaxed load and store is an addition, and costs what plain memory does. */
static inline void slot_count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

#endif
