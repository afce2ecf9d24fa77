/*
 * The connections of workers that store something (ipc/store.h), as the scribe has them: one record
 * in hand for each. None is waited for.
 */
#ifndef ECHOD_SCRIBE_STORE_REQUESTS_H
#define ECHOD_SCRIBE_STORE_REQUESTS_H

#include "scribe/sink.h"

/*
 * Has EPOLL, an epoll(7) descriptor, tell when the connection that CHANNEL, the daemon's, brings
 * has a record. Returns 1; 0: the daemon is gone; -EAGAIN: there is none; or another -errno.
 */
int store_requests_accept(int channel, int epoll);

/* Writes the record of the connection FD to SINK and answers it, or closes FD, whose worker is
 * gone. */
void store_requests_serve(int fd, enum sink sink);

#endif
