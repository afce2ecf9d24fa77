/*
 * What a worker tells the daemon while it lives: a page of shared memory, written by the one and
 * read by the other. A worker maps its own page and no other.
 *
 * BUSY is 0 while a worker of JOB_CLIENT waits for its client to send, and owes it nothing: every
 * byte that came is answered, and none of them begins a message (or a PROXY header) whose end is
 * still to come. It is 1 from the first byte that is received until then, from the start until the
 * greeting is sent, and as long as chargen runs. A client is idle if BUSY was 0 and the sum of
 * BYTES_IN and BYTES_OUT the same at two looks: an exchange in between would have changed the sum.
 * The SIGTERM that follows loses nothing even so: what comes up to it is answered.
 *
 * Behind a proxy a worker also asks: whether the client that the proxy named is to be served. It
 * writes whom it means, sets SLOT_ASKING and rings the doorbell, an eventfd(2) that all who may ask
 * write to. The daemon writes the answer, for which the worker waits by a futex(2) in the page.
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
    _Atomic int busy;                            /* 0: all that came is answered, as above */
    _Atomic int error;     /* the errno behind END_IO, END_SETUP, END_PROXY and END_VANISHED */
    _Atomic int call;      /* END_SANDBOX: the number of the system call that is not on the list */
    int pid;               /* written by the kernel as the worker is forked */
    struct address client; /* the client, while SLOT_ASKING; len 0: none but the proxy */
    _Atomic int answer;    /* enum slot_answer, which the daemon writes after: */
    char refusal[SLOT_REFUSAL_MAX]; /* what a refused client is sent */
    struct tcp_stats tcp;           /* of JOB_CLIENT, written as the last thing */
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

/* Returns 0, or -errno: nobody hears it. A bell that is rung already is as good. */
int doorbell_ring(int doorbell);

/* Makes it silent until it is rung again. */
void doorbell_silence(int doorbell);

#endif
