#include "worker/datagram_repeats.h"

#include <string.h>

static uint64_t hash_of(const struct datagram_repeats *repeats, const struct address *peer,
                        const void *data, size_t len)
{
    struct {
        uint64_t data, port;
        uint8_t address[16];
    } key = {.data = hash_bytes(&repeats->seed, data, len), .port = address_port(peer)};
    size_t size = 0;
    const uint8_t *bytes = address_bytes(peer, &size);

    if (bytes)
        memcpy(key.address, bytes, size);
    else
        key.port = hash_bytes(&repeats->seed, &peer->storage, peer->len);
    return hash_bytes(&repeats->seed, &key, sizeof(key));
}

/* Counts a datagram with this HASH. Returns how often it has arrived, possibly overestimated, at
 * most REPEATS_MAX + 1. */
static unsigned count(struct datagram_repeats *repeats, uint64_t hash, uint64_t now, uint64_t pause)
{
    struct repeat *place[REPEATS_ROWS];
    unsigned least = REPEATS_MAX;

    for (size_t row = 0; row < REPEATS_ROWS; row++, hash >>= 16) {
        place[row] = &repeats->place[row][hash % REPEATS_PLACES];
        if (now - place[row]->last > pause)
            place[row]->count = 0;
        place[row]->last = now & ((UINT64_C(1) << 52) - 1);
        if (place[row]->count < least)
            least = place[row]->count;
    }
    for (size_t row = 0; row < REPEATS_ROWS; row++)
        if (place[row]->count == least && least < REPEATS_MAX)
            place[row]->count++;
    return least + 1;
}

/*
 * Random, because with a fixed pattern, datagrams that share counters could always drop the same
 * one of them, and the other one would loop forever.
 */
static bool draw(struct datagram_repeats *repeats)
{
    repeats->draws++;
    return hash_bytes(&repeats->seed, &repeats->draws, sizeof(repeats->draws)) % REPEATS_MAX == 0;
}

bool datagram_repeats_is_loop(struct datagram_repeats *repeats, const struct address *peer,
                              const void *data, size_t len, uint64_t now)
{
    uint64_t pause = address_is_ip(peer) ? REPEATS_PAUSE : REPEATS_PAUSE_UNIX;
    unsigned times = count(repeats, hash_of(repeats, peer, data, len), now, pause);

    return times == REPEATS_MAX || (times > REPEATS_MAX && draw(repeats));
}
