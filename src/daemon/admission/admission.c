#include "daemon/admission/admission.h"

#include "base/clock.h"

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
    pause_accepting(&admission->pause, admission->log, jobs_newest(admission->jobs), what, error);
}

void admission_started(struct admission *admission, uint64_t job)
{
    if (job > admission->pause.job && clock_now() >= admission->pause.until)
        resume_accepting(&admission->pause, admission->log);
}

uint64_t admission_next(const struct admission *admission, uint64_t now)
{
    uint64_t until = admission->pause.until > now ? admission->pause.until : UINT64_MAX;

    return clock_earlier(until, waiting_list_next(&admission->waiting));
}
