/*
 * Loops: two servers that answer each other's answers, once somebody has forged the first request.
 * What goes round is always the same, so a datagram that comes from one peer again and again, in
 * quick succession, is left out once in a while: what goes round is gone then, and a client that
 * sends so much of the same has lost one of many.
 */
#ifndef ECHOD_WORKER_DATAGRAM_REPEATS_H
#define ECHOD_WORKER_DATAGRAM_REPEATS_H

#include "base/hash.h"
#include "net/address.h"

/* The one that comes for this time is left out; from then on, one of so many. */
#define REPEATS_MAX 256
/* Those that come after more than this, in microseconds, are no quick succession. */
#define REPEATS_PAUSE UINT64_C(1000000)

/*
 * A count-min sketch (Cormode and Muthukrishnan, 2005): a datagram is counted in one place of each
 * row, and the lowest of these counts is not less than its own, whatever else is counted there. So
 * none that goes round is missed, however many there are. Only one that meets others in every row
 * is left out early: with tens of thousands of different ones in a second that may happen.
 */
#define REPEATS_ROWS 4
#define REPEATS_PLACES 8192 /* in a row; a power of two, not above 65536 */

struct datagram_repeats {
    struct hash_seed seed;
    uint64_t draws;
    struct repeat {
        uint64_t last : 52; /* clock_now(); after a pause the count is void */
        uint64_t count : 12;
    } place[REPEATS_ROWS][REPEATS_PLACES];
};

/* Whether the LEN bytes at DATA, from the address and port PEER, are to be left out at NOW, of
 * clock_now(). */
bool datagram_repeats_is_loop(struct datagram_repeats *repeats, const struct address *peer,
                              const void *data, size_t len, uint64_t now);

#endif
