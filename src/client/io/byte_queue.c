#include "client/io/byte_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t byte_queue_length(const struct byte_queue *q)
{
    return q->end - q->start;
}

const char *byte_queue_front(const struct byte_queue *q)
{
    return q->data + q->start;
}

static void move_to_beginning(struct byte_queue *q)
{
    memmove(q->data, q->data + q->start, byte_queue_length(q));
    q->end -= q->start;
    q->start = 0;
}

static int grow(struct byte_queue *q, size_t needed)
{
    size_t size = needed > 2 * q->size ? needed : 2 * q->size;
    char *data = realloc(q->data, size);

    if (!data)
        return -ENOMEM;
    q->data = data;
    q->size = size;
    return 0;
}

char *byte_queue_room(struct byte_queue *q, size_t count)
{
    /* Moving data only when half of the buffer is unused keeps the cost per byte constant. */
    if (q->size - q->end < count && q->start > q->size / 2)
        move_to_beginning(q);
    if (q->size - q->end < count && grow(q, q->end + count) < 0)
        return NULL;
    return q->data + q->end;
}

void byte_queue_extend(struct byte_queue *q, size_t count)
{
    q->end += count;
}

int byte_queue_append(struct byte_queue *q, const void *data, size_t len)
{
    char *room = len > 0 ? byte_queue_room(q, len) : NULL;

    if (len == 0)
        return 0;
    if (!room)
        return -ENOMEM;
    memcpy(room, data, len);
    byte_queue_extend(q, len);
    return 0;
}

void byte_queue_drop(struct byte_queue *q, size_t count)
{
    q->start += count;
    if (q->start == q->end)
        q->start = q->end = 0;
}

void byte_queue_free(struct byte_queue *q)
{
    free(q->data);
    *q = (struct byte_queue){0};
}
