/*
 * Connecting to the first address that answers (Happy Eyeballs, RFC 8305).
 */
#ifndef ECHOD_CLIENT_CONNECT_RACE_H
#define ECHOD_CLIENT_CONNECT_RACE_H

#include "client/connect/connect.h"
#include "client/connect/target.h"

#include <stddef.h>

/* Called when an address is about to be tried (FAILED is false), and when the attempt has failed.
 */
struct race_watch {
    void (*event)(const void *context, const struct attempt *a, bool failed);
    const void *context;
};

/*
 * Connects to the addresses of ATTEMPTS from index FIRST on. Starts the next attempt as soon as the
 * previous one has failed, or in parallel after race_delay(). The first address that is connected,
 * or answers the plan's first datagram, wins; *WINNER becomes its index. For the others, .begun and
 * .error hold the outcome. WATCH may be NULL.
 *
 * Returns a socket (close-on-exec, non-blocking, TCP_NODELAY), which the caller closes, or -errno:
 * -ECANCELED, -ETIMEDOUT, or the last error of an attempt. A shortage of this machine
 * (connect_ran_short()) is returned only if every attempt failed because of one.
 */
int race_connect(struct attempts *attempts, size_t first, const struct connect_plan *plan,
                 const struct race_watch *watch, size_t *winner);

/* The same for one address. */
int race_single(const struct address *address, const struct connect_plan *plan);

/* How long to wait before the next of COUNT addresses is tried, in microseconds: an equal share of
 * the time until DEADLINE, 250 ms at most. */
uint64_t race_delay(size_t count, uint64_t deadline);

#endif
