/*
 * How a worker has a message stored: it asks the scribe and waits for the answer.
 */
#ifndef ECHOD_SCRIBE_STORE_H
#define ECHOD_SCRIBE_STORE_H

#include "base/record.h"

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Where the scribe listens. */
struct store {
    struct sockaddr_un address;
    socklen_t len;
};

/* The store behind LISTENER (scribe.h, messages). Returns 0 or -errno. */
int store_find(struct store *store, int listener);

/*
 * Sends RECORD to the scribe and waits until it is stored, at most TIMEOUT microseconds in all. A
 * scribe that dies over it is asked again when it is replaced, so a record can be stored twice, but
 * none that this function reports as stored is lost. Shortages of memory or descriptors are given
 * that time to pass.
 * Returns 0, -ETIMEDOUT, or the -errno of the sink.
 */
int store_record(const struct store *store, const struct record *record, uint64_t timeout);

#endif
