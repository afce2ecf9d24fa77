#include "base/hash.h"

#include "base/clock.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct hash_seed hash_seed_new(void)
{
    struct hash_seed seed;

    /* Fails only early at boot, before the kernel has gathered entropy. */
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = (struct hash_seed){{clock_now(), (uint64_t)getpid()}};
    return seed;
}

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(uint64_t v[4], int rounds)
{
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v, 2);
    v[0] ^= word;
}

uint64_t hash_bytes(const struct hash_seed *seed, const void *data, size_t size)
{
    const uint64_t k0 = seed->word[0], k1 = seed->word[1];
    uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                     k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    const uint8_t *bytes = data;
    uint64_t word;
    size_t at = 0;

    for (; at + sizeof(word) <= size; at += sizeof(word)) {
        memcpy(&word, bytes + at, sizeof(word));
        absorb(v, le64toh(word));
    }
    word = 0;
    memcpy(&word, bytes + at, size - at);
    absorb(v, le64toh(word) | (uint64_t)size << 56);
    v[2] ^= 0xff;
    mix(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
