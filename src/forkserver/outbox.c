#include "forkserver/outbox.h"

#include "ipc/channel.h"

#include <string.h>

bool outbox_has_room(const struct outbox *outbox)
{
    return outbox->count < REPORTS_MAX;
}

void outbox_add(struct outbox *outbox, const struct report *report)
{
    outbox->list[outbox->count++] = *report;
    outbox->urgent = outbox->urgent || report->kind != REPORT_STARTED;
}

void outbox_forget(struct outbox *outbox)
{
    explicit_bzero(outbox->list, outbox->count * sizeof(outbox->list[0]));
    outbox->count = 0;
    outbox->urgent = false;
}

int outbox_flush(struct outbox *outbox)
{
    char buf[REPORTS_SIZE];

    if (outbox->count == 0)
        return 0;
    size_t len = reports_encode(outbox->list, outbox->count, buf);
    int r = channel_send(outbox->channel, buf, len, NULL, 0);
    if (r < 0)
        return r;
    outbox_forget(outbox);
    return 0;
}
