#include "client/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t queue_length(const struct queue *q)
{
    return q->end - q->start;
}

const char *queue_front(const struct queue *q)
{
    return q->data + q->start;
}

static void move_to_beginning(struct queue *q)
{
    memmove(q->data, q->data + q->start, queue_length(q));
    q->end -= q->start;
    q->start = 0;
}

static int grow(struct queue *q, size_t needed)
{
    size_t size = needed > 2 * q->size ? needed : 2 * q->size;
    char *data = realloc(q->data, size);

    if (!data)
        return -ENOMEM;
    q->data = data;
    q->size = size;
    return 0;
}

char *queue_room(struct queue *q, size_t count)
{
    /* Moving only once half is unused keeps the cost per byte constant. */
    if (q->size - q->end < count && q->start > q->size / 2)
        move_to_beginning(q);
    if (q->size - q->end < count && grow(q, q->end + count) < 0)
        return NULL;
    return q->data + q->end;
}

void queue_extend(struct queue *q, size_t count)
{
    q->end += count;
}

int queue_append(struct queue *q, const void *data, size_t len)
{
    char *room = len > 0 ? queue_room(q, len) : NULL;

    if (len == 0)
        return 0;
    if (!room)
        return -ENOMEM;
    memcpy(room, data, len);
    queue_extend(q, len);
    return 0;
}

void queue_drop(struct queue *q, size_t count)
{
    q->start += count;
    if (q->start == q->end)
        q->start = q->end = 0;
}

void queue_free(struct queue *q)
{
    free(q->data);
    *q = (struct queue){0};
}
