#include "client/load/schedule.h"

#include "client/io/wait.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

/* Returns the offset of connection INDEX from .begin. Computed from the index, so that rounding
 * errors do not add up. */
static uint64_t offset_of(const struct schedule *s, uint64_t index)
{
    return s->rate ? (uint64_t)((unsigned __int128)index * NSEC_PER_SEC / s->rate) : 0;
}

uint64_t schedule_due(const struct schedule *s, uint64_t index)
{
    uint64_t due = s->begin + offset_of(s, index);

    return (s->count && index >= s->count) || due >= s->end ? NEVER : due;
}

uint64_t schedule_number(const struct schedule *s, uint64_t now)
{
    uint64_t until = now < s->end ? now : s->end - 1;

    if (now < s->begin || s->end <= s->begin)
        return 0;
    if (s->rate == 0)
        return s->count ? s->count : UINT64_MAX;
    /* One more than the greatest index whose rounded offset is not beyond UNTIL. */
    uint64_t number =
        (uint64_t)((((unsigned __int128)(until - s->begin) + 1) * s->rate - 1) / NSEC_PER_SEC) + 1;
    return s->count && number > s->count ? s->count : number;
}
