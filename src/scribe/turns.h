/*
 * Whose message is written next: one of each source in turn, so that a source with many connections
 * delays each of the others by one message only.
 *
 * Sources that have the same remainder share a turn (stochastic fairness queueing, McKenney 1990),
 * so nothing has to be found or allocated. Which ones do, nobody outside can choose.
 */
#ifndef ECHOD_SCRIBE_TURNS_H
#define ECHOD_SCRIBE_TURNS_H

#include <stdint.h>

#define TURNS 1024

/* A worker's connection (ipc/store.h). */
struct store_client {
    int fd;
    uint64_t source;                    /* a keyed hash: the same for all connections of a source */
    struct store_client *next;          /* of those that wait for their turn */
    struct store_client *older, **from; /* in the list of all, and what points here */
};

/* Initialised with zeros. */
struct turns {
    struct turn {
        struct store_client *first, *last; /* those that wait, in their order */
        struct turn *next;                 /* while there are any */
    } turn[TURNS];
    struct turn *first, *last;
};

/* CLIENT, which does not wait yet, waits for its turn. */
void turns_add(struct turns *turns, struct store_client *client);

/* Takes the client whose turn it is. Returns NULL if none waits. */
struct store_client *turns_next(struct turns *turns);

#endif
