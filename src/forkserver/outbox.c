#include "forkserver/outbox.h"

#include "base/clock.h"
#include "ipc/channel.h"

bool outbox_has_room(const struct outbox *outbox)
{
    return outbox->count < REPORTS_MAX;
}

void outbox_add(struct outbox *outbox, const struct report *report)
{
    outbox->added[outbox->count] = clock_now();
    outbox->list[outbox->count++] = *report;
    outbox->urgent = outbox->urgent || report->kind != REPORT_STARTED;
}

bool outbox_is_overdue(const struct outbox *outbox)
{
    return !outbox_has_room(outbox) ||
           (outbox->count > 0 && clock_now() >= outbox->added[0] + OUTBOX_MSEC * USEC_PER_MSEC);
}

static void note_waits(struct outbox *outbox)
{
    uint64_t now = clock_now();

    for (size_t i = 0; i < outbox->count; i++)
        if (outbox->list[i].kind == REPORT_ENDED)
            outbox->list[i].waited = (uint32_t)(now - outbox->added[i]);
}

int outbox_flush(struct outbox *outbox)
{
    if (outbox->count == 0)
        return 0;
    note_waits(outbox);
    size_t len = reports_encode(outbox->list, outbox->count, outbox->encoded);
    int r = channel_send(outbox->channel, outbox->encoded, len, NULL, 0);
    if (r < 0)
        return r;
    outbox->count = 0;
    outbox->urgent = false;
    return 0;
}
