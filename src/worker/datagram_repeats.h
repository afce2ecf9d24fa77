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

/* Out of so many equal ones one is left out. */
#define REPEATS_MAX 256
/* Those that come after more than this, in microseconds, are no quick succession. */
#define REPEATS_PAUSE UINT64_C(1000000)
/* Datagrams that are remembered. A place is taken by whichever comes last, so that with more of
 * them at once some loops are found later. */
#define REPEATS_PLACES 4096

struct datagram_repeats {
    struct hash_seed seed;
    struct repeat {
        uint64_t hash;
        uint64_t last;
        unsigned count;
    } place[REPEATS_PLACES];
};

/* Whether the LEN bytes at DATA, from the address and port PEER, are to be left out at NOW, of
 * clock_now(). */
bool datagram_repeats_is_loop(struct datagram_repeats *repeats, const struct address *peer,
                              const void *data, size_t len, uint64_t now);

#endif
