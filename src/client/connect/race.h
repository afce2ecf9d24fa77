/*
 * Connecting to the first address that answers (Happy Eyeballs, RFC 8305).
 */
#ifndef ECHOD_CLIENT_CONNECT_RACE_H
#define ECHOD_CLIENT_CONNECT_RACE_H

#include "client/connect/connect.h"
#include "client/connect/target.h"

#include <stddef.h>

/* Called when an address is about to be tried (failed is false), and when that has failed. */
struct race_watch {
    void (*event)(const void *context, const struct attempt *a, bool failed);
    const void *context;
};

/*
 * Connects to the addresses of ATTEMPTS from FIRST on: to the next one as soon as the one before
 * has failed, or after its share of the time, 250 ms at most, while that goes on. The first that is
 * connected, or answers the plan's first datagram, wins. *WINNER becomes its index; of the others,
 * .begun and .error say what became of them. WATCH may be NULL. Returns a socket (close-on-exec,
 * non-blocking, TCP_NODELAY), which the caller closes, or -errno: -ECANCELED, -ETIMEDOUT; of
 * several reasons the last one, but that our own system ran short of something
 * (connect_ran_short()) only if it did for each address.
 */
int race_connect(struct attempts *attempts, size_t first, const struct connect_plan *plan,
                 const struct race_watch *watch, size_t *winner);

/* The same for one address. */
int race_single(const struct address *address, const struct connect_plan *plan);

/* The share of the time until DEADLINE after which the next of COUNT addresses is tried, in
 * microseconds. */
uint64_t race_delay(size_t count, uint64_t deadline);

#endif
