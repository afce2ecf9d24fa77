#include "scribe/fair_queue.h"

#include <stddef.h>

static void append_bucket(struct fair_queue *queue, struct fair_queue_bucket *bucket)
{
    bucket->next = NULL;
    if (queue->first)
        queue->last->next = bucket;
    else
        queue->first = bucket;
    queue->last = bucket;
}

void fair_queue_add(struct fair_queue *queue, struct store_client *client)
{
    struct fair_queue_bucket *bucket = &queue->bucket[client->source % FAIR_QUEUE_BUCKETS];

    client->next = NULL;
    if (bucket->first) {
        bucket->last->next = client;
    } else {
        bucket->first = client;
        append_bucket(queue, bucket);
    }
    bucket->last = client;
}

struct store_client *fair_queue_next(struct fair_queue *queue)
{
    struct fair_queue_bucket *bucket = queue->first;

    if (!bucket)
        return NULL;
    struct store_client *client = bucket->first;
    queue->first = bucket->next;
    bucket->first = client->next;
    if (bucket->first)
        append_bucket(queue, bucket);
    return client;
}
