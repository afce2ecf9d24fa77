#include "client/window.h"

#include "base/memory.h"

#include <stdlib.h>

void window_init(struct window *w, uint32_t size)
{
    *w = (struct window){
        .ring = memory_zeroed(size, sizeof(*w->ring)),
        .size = size,
        .next = 1,
        .oldest = 1,
    };
}

void window_free(struct window *w)
{
    free(w->ring);
    w->ring = NULL;
}

struct sent *window_add(struct window *w, uint32_t size, uint64_t time)
{
    struct sent *sent = &w->ring[w->next % w->size];

    *sent = (struct sent){.seq = w->next++, .size = size, .time = time, .fate = FATE_AWAITED};
    if (w->next - w->oldest > w->size)
        w->oldest = w->next - w->size;
    return sent;
}

struct sent *window_get(const struct window *w, uint32_t seq)
{
    struct sent *sent = &w->ring[seq % w->size];

    return sent->fate != FATE_NONE && sent->seq == seq ? sent : NULL;
}

struct sent *window_guess(const struct window *w, uint32_t seq, unsigned bits)
{
    uint32_t mask = bits >= 32 ? UINT32_MAX : (UINT32_C(1) << bits) - 1;

    return window_get(w, w->next - 1 - ((w->next - 1 - seq) & mask));
}

struct sent *window_oldest(struct window *w)
{
    for (; w->oldest != w->next; w->oldest++) {
        struct sent *sent = window_get(w, w->oldest);
        if (sent && sent->fate == FATE_AWAITED)
            return sent;
    }
    return NULL;
}
