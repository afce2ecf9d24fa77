/*
 * The connections of workers that store something (ipc/store.h), as the scribe has them: one record
 * in hand for each. None is waited for.
 */
#ifndef ECHOD_SCRIBE_STORE_REQUESTS_H
#define ECHOD_SCRIBE_STORE_REQUESTS_H

#include "scribe/sink.h"
#include "scribe/turns.h"

/*
 * Has EPOLL, an epoll(7) descriptor, tell once when the connection that CHANNEL, the daemon's,
 * brings has a record: its event has the struct store_client, which waits for its turn then. With
 * the connection comes its source, a uint64_t.
 * Returns 1; 0: the daemon is gone; -EAGAIN: there is none; or another -errno.
 */
int store_requests_accept(int channel, int epoll);

/* Writes the record of CLIENT to SINK and answers it, and has EPOLL tell of the next one; or frees
 * CLIENT, whose worker is gone. */
void store_requests_serve(struct store_client *client, int epoll, enum sink sink);

#endif
