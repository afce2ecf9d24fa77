/*
 * A queue of bytes in one growing block of memory.
 */
#ifndef ECHOD_CLIENT_IO_BYTE_QUEUE_H
#define ECHOD_CLIENT_IO_BYTE_QUEUE_H

#include <stddef.h>

/* The bytes are data[start] to data[end - 1]. All zero: an empty queue. */
struct byte_queue {
    char *data;
    size_t start, end, size;
};

/* The number of queued bytes, and a pointer to them, valid until the queue changes. */
size_t byte_queue_length(const struct byte_queue *q);
const char *byte_queue_front(const struct byte_queue *q);

/* Reserves room for COUNT bytes after the last one; byte_queue_extend() appends those that were
 * written there. Returns NULL if there is no memory. */
char *byte_queue_room(struct byte_queue *q, size_t count);
void byte_queue_extend(struct byte_queue *q, size_t count);

/* Appends a copy of the LEN bytes at DATA. Returns 0 or -ENOMEM. */
int byte_queue_append(struct byte_queue *q, const void *data, size_t len);

/* Removes the first COUNT bytes; the queue must have as many. */
void byte_queue_drop(struct byte_queue *q, size_t count);

/* Frees the memory; the queue is then empty and can be used again. */
void byte_queue_free(struct byte_queue *q);

#endif
