#include "worker/datagram_repeats.h"

#include <string.h>

static uint64_t hash_of(const struct datagram_repeats *repeats, const struct address *peer,
                        const void *data, size_t len)
{
    struct {
        uint64_t data, port;
        uint8_t address[16];
    } key = {.data = hash_bytes(&repeats->seed, data, len), .port = address_port(peer)};
    size_t count = 0;
    const uint8_t *bytes = address_bytes(peer, &count);

    if (bytes)
        memcpy(key.address, bytes, count);
    return hash_bytes(&repeats->seed, &key, sizeof(key));
}

bool datagram_repeats_is_loop(struct datagram_repeats *repeats, const struct address *peer,
                              const void *data, size_t len, uint64_t now)
{
    uint64_t hash = hash_of(repeats, peer, data, len);
    struct repeat *place = &repeats->place[hash % REPEATS_PLACES];

    if (place->hash != hash || now - place->last > REPEATS_PAUSE)
        *place = (struct repeat){.hash = hash};
    place->last = now;
    if (++place->count < REPEATS_MAX)
        return false;
    place->count = 0;
    return true;
}
