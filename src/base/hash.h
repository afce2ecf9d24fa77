/*
 * A keyed hash: without the seed, an attacker cannot choose values that collide.
 */
#ifndef ECHOD_BASE_HASH_H
#define ECHOD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_seed {
    uint64_t word[2];
};

/* Returns a random seed (getrandom(2)). Never waits. */
struct hash_seed hash_seed_new(void);

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of the SIZE bytes at DATA. */
uint64_t hash_bytes(const struct hash_seed *seed, const void *data, size_t size);

#endif
