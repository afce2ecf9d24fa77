/*
 * The slot: a page of shared memory, written by a worker while it lives and read by the daemon. A
 * worker maps only its own page.
 *
 * BUSY is 0 while a worker of JOB_CLIENT waits for its client and owes it nothing: every received
 * byte has been answered, and none of them begins an incomplete message (or PROXY header). It is 1
 * from the first byte received until then, from the start until the greeting is sent, and as long
 * as chargen runs. A client is idle if BUSY was 0, and the sum of BYTES_IN and BYTES_OUT the same,
 * at two checks: an exchange in between would have changed the sum. Even if one begins then, the
 * SIGTERM that follows loses nothing, since everything received is answered.
 *
 * Behind a proxy, a worker also asks whether the client that the proxy named may be served. It
 * writes the address into CLIENT, sets SLOT_ASKING and rings the doorbell, an eventfd(2) that all
 * such workers share. The daemon writes the answer, for which the worker waits on a futex(2) in the
 * page.
 */
#ifndef ECHOD_IPC_SLOT_H
#define ECHOD_IPC_SLOT_H

#include "ipc/datagram_counter.h"
#include "net/address.h"
#include "net/tcp_stats.h"

#include <stdatomic.h>
#include <stdint.h>

#define SLOT_REFUSAL_MAX 128

enum slot_state { SLOT_STARTING, SLOT_SERVING, SLOT_ENDING, SLOT_ASKING };
enum slot_answer { SLOT_UNANSWERED, SLOT_ADMITTED, SLOT_REFUSED };

struct slot {
    _Atomic uint64_t bytes_in;
    _Atomic uint64_t bytes_out;
    _Atomic uint64_t messages;
    _Atomic uint64_t counter[DATAGRAM_COUNTERS]; /* of a datagram worker, in place of those above */
    _Atomic int state;                           /* enum slot_state */
    _Atomic int busy;               /* 0: everything received has been answered, as above */
    _Atomic int error;              /* the errno of END_IO, END_SETUP, END_PROXY and END_VANISHED */
    _Atomic int call;               /* END_SANDBOX: the number of the forbidden system call */
    int pid;                        /* written by the kernel as the worker is forked */
    struct address client;          /* during SLOT_ASKING; len 0: the proxy itself */
    _Atomic int answer;             /* enum slot_answer, which the daemon writes after REFUSAL */
    char refusal[SLOT_REFUSAL_MAX]; /* what a refused client is sent */
    struct tcp_stats tcp;           /* of JOB_CLIENT, written at the end */
};

/* One writer each: a relaxed load and store is an addition, and costs what plain memory does. */
static inline void slot_count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* Waits until SLOT has an answer, a signal comes, or USEC microseconds have passed. */
void slot_wait(struct slot *slot, uint64_t usec);

/* Writes ANSWER and wakes the worker. */
void slot_answer(struct slot *slot, enum slot_answer answer);

/* The doorbell: non-blocking and close-on-exec. Returns a descriptor or -errno. */
int doorbell_open(void);

/* Returns 0 or -errno. If it is rung already, that is a success. */
int doorbell_ring(int doorbell);

/* Resets it. */
void doorbell_silence(int doorbell);

#endif
