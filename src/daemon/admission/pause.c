#include "daemon/admission/pause.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

/* How long to wait after a shortage. Without a pause, poll(2) would return at once for a connection
 * that cannot be accepted, and the loop would spin. */
#define PAUSE_TIME (250 * USEC_PER_MSEC)

void pause_accepting(struct accept_pause *pause, struct log *log, uint64_t newest, const char *what,
                     int error)
{
    if (pause->count++ == 0)
        log_event(log, EVENT_PAUSED, LOG_WARNING,
                  "%s: %s; pausing, new connections wait until resources are free", what,
                  strerror(error));
    pause->until = clock_now() + PAUSE_TIME;
    pause->job = newest;
}

void resume_accepting(struct accept_pause *pause, struct log *log)
{
    unsigned long long pauses = pause->count;
    char buf[RECORD_MAX];
    struct record record;

    if (pauses == 0)
        return;
    record_start(&record, buf, sizeof(buf), LOG_NOTICE,
                 "accepting connections again after %llu pause%s", pauses, plural(pauses));
    record_event(&record, EVENT_RESUMED);
    record_add(&record, "ECHOD_PAUSES", "%llu", pauses);
    log_send(log, &record);
    pause->count = pause->until = 0;
}
