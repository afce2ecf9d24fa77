/*
 * The connections of workers that store messages (ipc/store.h), in the scribe: one record at a time
 * for each. It waits for none.
 */
#ifndef ECHOD_SCRIBE_STORE_REQUESTS_H
#define ECHOD_SCRIBE_STORE_REQUESTS_H

#include "scribe/sink.h"
#include "scribe/fair_queue.h"

/* Initialised with an epoll(7) descriptor and NULL. */
struct store_requests {
    int epoll;                   /* not owned */
    struct store_client *newest; /* of all clients, each of which is owned */
};

/*
 * Receives a connection and its source, a uint64_t, from CHANNEL, and adds it to the epoll
 * descriptor. An event, with the struct store_client, reports once that it has a record. Returns 1;
 * 0 if the daemon has ended; -EAGAIN if there is no connection; -EPROTO if one was lost; or another
 * -errno, after which this scribe may have lost one.
 */
int store_requests_accept(struct store_requests *requests, int channel);

/* Writes the record of CLIENT to SINK, acknowledges it, and waits for the next one; or frees CLIENT
 * if its worker is gone. Returns 0, or -errno: this scribe cannot serve CLIENT any more. */
int store_requests_serve(struct store_requests *requests, struct store_client *client,
                         enum sink sink);

#endif
