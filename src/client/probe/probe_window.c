#include "client/probe/probe_window.h"

#include "base/memory.h"

#include <stdlib.h>

void probe_window_init(struct probe_window *w, uint32_t size)
{
    *w = (struct probe_window){
        .ring = memory_zeroed(size, sizeof(*w->ring)),
        .size = size,
        .next = 1,
        .oldest = 1,
    };
}

void probe_window_free(struct probe_window *w)
{
    free(w->ring);
    w->ring = NULL;
}

struct sent *probe_window_add(struct probe_window *w, uint32_t size, uint64_t time)
{
    struct sent *sent = &w->ring[w->next % w->size];

    *sent = (struct sent){.seq = w->next++, .size = size, .time = time, .fate = FATE_AWAITED};
    if (w->next - w->oldest > w->size)
        w->oldest = w->next - w->size;
    return sent;
}

struct sent *probe_window_get(const struct probe_window *w, uint32_t seq)
{
    struct sent *sent = &w->ring[seq % w->size];

    return sent->fate != FATE_NONE && sent->seq == seq ? sent : NULL;
}

struct sent *probe_window_guess(const struct probe_window *w, uint32_t seq, unsigned bits)
{
    uint32_t mask = bits >= 32 ? UINT32_MAX : (UINT32_C(1) << bits) - 1;

    return probe_window_get(w, w->next - 1 - ((w->next - 1 - seq) & mask));
}

struct sent *probe_window_oldest(struct probe_window *w)
{
    for (; w->oldest != w->next; w->oldest++) {
        struct sent *sent = probe_window_get(w, w->oldest);
        if (sent && sent->fate == FATE_AWAITED)
            return sent;
    }
    return NULL;
}
