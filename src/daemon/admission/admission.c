#include "daemon/admission/admission.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

/* How long to wait after a shortage. Without a pause, poll(2) would return at once for a connection
 * that cannot be accepted, and the loop would spin. */
#define PAUSE_TIME (250 * USEC_PER_MSEC)

bool admission_is_open(const struct admission *admission, uint64_t now)
{
    const struct server_settings *limits = admission->settings->server;
    bool full = admission->sessions->roster.live >= limits->max_clients;

    return !admission->closed && now >= admission->pause.until &&
           fork_servers_have_room(admission->jobs->servers) &&
           !waiting_list_lacks_room(&admission->waiting) &&
           !(full && limits->when_full == WHEN_FULL_QUEUE);
}

void admission_close(struct admission *admission)
{
    admission->closed = true;
}

void admission_pause(struct admission *admission, const char *what, int error)
{
    struct accept_pause *pause = &admission->pause;

    if (pause->count++ == 0)
        log_event(admission->log, EVENT_PAUSED, LOG_WARNING,
                  "%s: %s; pausing, new connections wait until resources are free", what,
                  strerror(error));
    pause->until = clock_now() + PAUSE_TIME;
    pause->job = jobs_newest(admission->jobs);
}

/* Ends the shortage, if there is one. */
static void resume(struct admission *admission)
{
    unsigned long long pauses = admission->pause.count;
    char buf[RECORD_MAX];
    struct record record;

    if (pauses == 0)
        return;
    record_start(&record, buf, sizeof(buf), LOG_NOTICE,
                 "accepting connections again after %llu pause%s", pauses, plural(pauses));
    record_event(&record, EVENT_RESUMED);
    record_add(&record, "ECHOD_PAUSES", "%llu", pauses);
    log_send(admission->log, &record);
    admission->pause.count = admission->pause.until = 0;
}

void admission_started(struct admission *admission, uint64_t job)
{
    if (job > admission->pause.job && clock_now() >= admission->pause.until)
        resume(admission);
}

uint64_t admission_next(const struct admission *admission, uint64_t now)
{
    uint64_t until = admission->pause.until > now ? admission->pause.until : UINT64_MAX;

    return clock_earlier(until, waiting_list_next(&admission->waiting));
}
