#include "daemon/listen/listener_pause.h"

#include "base/clock.h"

#include <string.h>

/* The pause after an error, doubled each time. */
#define FIRST_PAUSE (250 * USEC_PER_MSEC)
#define LONGEST_PAUSE (30 * USEC_PER_SEC)

static uint64_t next_pause(uint64_t pause)
{
    if (pause == 0)
        return FIRST_PAUSE;
    return pause < LONGEST_PAUSE / 2 ? 2 * pause : LONGEST_PAUSE;
}

static void log_pause(struct log *log, const struct listener *listener, int error)
{
    const char *cure =
        listener->origin == LISTENER_PASSED ? "the socket unit that passed it" : "echod";
    char buf[RECORD_MAX], address[ADDRESS_TEXT_MAX];
    struct record record;

    record_start(&record, buf, sizeof(buf), LOG_ERR,
                 "listener %s (%s): no connection can be accepted: %s; retrying, other listeners "
                 "are not affected. If it does not recover, restart %s",
                 listener->settings->name,
                 address_format(&listener->address, address, sizeof(address)), strerror(error),
                 cure);
    record_event(&record, EVENT_LISTENER_PAUSED);
    record_add(&record, "ECHOD_LISTENER", "%s", listener->settings->name);
    log_send(log, &record);
}

void listener_pause(struct listener *listener, int error, struct log *log, uint64_t now)
{
    if (listener->pause == 0)
        log_pause(log, listener, error);
    listener->pause = next_pause(listener->pause);
    listener->paused_until = now + listener->pause;
}

void listener_resume(struct listener *listener, struct log *log)
{
    char buf[RECORD_MAX], address[ADDRESS_TEXT_MAX];
    struct record record;

    if (listener->pause == 0)
        return;
    listener->pause = listener->paused_until = 0;
    record_start(&record, buf, sizeof(buf), LOG_NOTICE,
                 "listener %s (%s): accepting connections again", listener->settings->name,
                 address_format(&listener->address, address, sizeof(address)));
    record_event(&record, EVENT_LISTENER_RESUMED);
    record_add(&record, "ECHOD_LISTENER", "%s", listener->settings->name);
    log_send(log, &record);
}

uint64_t listener_pause_next(const struct listeners *listeners)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < listeners->count; i++) {
        uint64_t until = listeners->item[i].paused_until;
        if (until && until < next)
            next = until;
    }
    return next;
}
