/*
 * A queue of bytes in one growing piece of memory.
 */
#ifndef ECHOD_CLIENT_QUEUE_H
#define ECHOD_CLIENT_QUEUE_H

#include <stddef.h>

/* The bytes are data[start] up to data[end]; all zero is an empty queue. */
struct queue {
    char *data;
    size_t start, end, size;
};

/* How many bytes are queued, and the first of them, valid until the queue is changed. */
size_t queue_length(const struct queue *q);
const char *queue_front(const struct queue *q);

/* Room for COUNT bytes behind the last one, to be taken with queue_extend(); NULL: no memory. */
char *queue_room(struct queue *q, size_t count);
void queue_extend(struct queue *q, size_t count);

/* Appends a copy of the LEN bytes at DATA. Returns 0 or -ENOMEM. */
int queue_append(struct queue *q, const void *data, size_t len);

/* Takes the first COUNT bytes away; there must be as many. */
void queue_drop(struct queue *q, size_t count);

/* Gives the memory back; the queue is empty and can be used again. */
void queue_free(struct queue *q);

#endif
