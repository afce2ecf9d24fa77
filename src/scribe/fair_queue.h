/*
 * Which message is written next: one of each source in turn, so that a source with many connections
 * delays each other source by one message only.
 *
 * Sources with the same remainder share a bucket (stochastic fairness queueing, McKenney 1990), so
 * nothing has to be searched or allocated. Clients cannot choose their bucket: the hash is keyed.
 */
#ifndef ECHOD_SCRIBE_FAIR_QUEUE_H
#define ECHOD_SCRIBE_FAIR_QUEUE_H

#include <stdint.h>

#define FAIR_QUEUE_BUCKETS 1024

/* A worker's connection (ipc/store.h). */
struct store_client {
    int fd;
    uint64_t source;                    /* a keyed hash: the same for all connections of a source */
    struct store_client *next;          /* of those that wait for their turn */
    struct store_client *older, **from; /* in the list of all, and what points here */
};

/* Initialised with zeros. */
struct fair_queue {
    struct fair_queue_bucket {
        struct store_client *first, *last; /* those that wait, in their order */
        struct fair_queue_bucket *next;    /* while there are any */
    } bucket[FAIR_QUEUE_BUCKETS];
    struct fair_queue_bucket *first, *last;
};

/* Adds CLIENT, which is not in QUEUE yet. */
void fair_queue_add(struct fair_queue *queue, struct store_client *client);

/* Removes and returns the client whose turn it is; NULL if QUEUE is empty. */
struct store_client *fair_queue_next(struct fair_queue *queue);

#endif
