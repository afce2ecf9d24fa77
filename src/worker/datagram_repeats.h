/*
 * Breaking loops: two servers that answer each other's answers, once somebody has forged the first
 * request. A looping datagram stays the same. So if equal datagrams arrive from one peer in quick
 * succession, one of many is dropped: that ends a loop, and costs a client that repeats a datagram
 * little.
 */
#ifndef ECHOD_WORKER_DATAGRAM_REPEATS_H
#define ECHOD_WORKER_DATAGRAM_REPEATS_H

#include "base/hash.h"
#include "net/address.h"

/* The datagram with this count is dropped, and from then on one of so many. */
#define REPEATS_MAX 256
/* The longest interval, in microseconds, that counts as quick succession. */
#define REPEATS_PAUSE UINT64_C(1000000)
/* The same over a Unix socket: there is no network in between, and clients do not expect losses. */
#define REPEATS_PAUSE_UNIX UINT64_C(10000)

/*
 * A count-min sketch (Cormode and Muthukrishnan, 2005): a datagram is counted in one place of each
 * row, and the lowest of these counts is at least its own count, whatever else is counted there. So
 * no loop is missed, however many there are. A datagram that shares its place in every row is
 * dropped too early, which requires tens of thousands of different datagrams per second.
 */
#define REPEATS_ROWS 4
#define REPEATS_PLACES 8192 /* in a row; a power of two, not above 65536 */

struct datagram_repeats {
    struct hash_seed seed;
    uint64_t draws;
    struct repeat {
        uint64_t last : 52; /* clock_now(); after a pause the count restarts */
        uint64_t count : 12;
    } place[REPEATS_ROWS][REPEATS_PLACES];
};

/* Whether to drop the LEN bytes at DATA from the address and port PEER at NOW (clock_now()). */
bool datagram_repeats_is_loop(struct datagram_repeats *repeats, const struct address *peer,
                              const void *data, size_t len, uint64_t now);

#endif
