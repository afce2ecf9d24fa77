#include "client/load/schedule.h"

#include "client/io/wait.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

/* Of the INDEX-th, from .begin on: computed anew for each, so that no rounding adds up. */
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
    /* The greatest index whose rounded offset is not beyond UNTIL, and one more. */
    uint64_t number =
        (uint64_t)((((unsigned __int128)(until - s->begin) + 1) * s->rate - 1) / NSEC_PER_SEC) + 1;
    return s->count && number > s->count ? s->count : number;
}
