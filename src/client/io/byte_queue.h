/*
 * A queue of bytes in one growing piece of memory.
 */
#ifndef ECHOD_CLIENT_IO_BYTE_QUEUE_H
#define ECHOD_CLIENT_IO_BYTE_QUEUE_H

#include <stddef.h>

/* The bytes are data[start] up to data[end]; all zero is an empty queue. */
struct byte_queue {
    char *data;
    size_t start, end, size;
};

/* How many bytes are queued, and the first of them, valid until the queue is changed. */
size_t byte_queue_length(const struct byte_queue *q);
const char *byte_queue_front(const struct byte_queue *q);

/* Room for COUNT bytes behind the last one, to be taken with byte_queue_extend(); NULL: no memory.
 */
char *byte_queue_room(struct byte_queue *q, size_t count);
void byte_queue_extend(struct byte_queue *q, size_t count);

/* Appends a copy of the LEN bytes at DATA. Returns 0 or -ENOMEM. */
int byte_queue_append(struct byte_queue *q, const void *data, size_t len);

/* Takes the first COUNT bytes away; there must be as many. */
void byte_queue_drop(struct byte_queue *q, size_t count);

/* Gives the memory back; the queue is empty and can be used again. */
void byte_queue_free(struct byte_queue *q);

#endif
