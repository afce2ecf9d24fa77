#include "daemon/status.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/text.h"

#include <stdio.h>

/* While the daemon drains, each status requests this much time in addition to the rest of the
 * drain. */
#define EXTENSION (10 * USEC_PER_SEC)

/* Formats how many clients a stop waits for, and for how long at most. */
static void format_wait(const struct daemon *d, char *buf, size_t size)
{
    char time[DURATION_TEXT_MAX];

    snprintf(buf, size, "Stopping: waiting for %zu client%s", d->sessions.roster.live,
             plural(d->sessions.roster.live));
    if (d->phase == PHASE_DRAINING)
        text_append(buf, size, ", up to %s (drain_timeout)",
                    duration_format(d->settings->server->drain_timeout, time, sizeof(time)));
}

static void format(const struct daemon *d, char *buf, size_t size)
{
    unsigned long long most = d->settings->server->max_clients;
    unsigned long long served = d->counters.served, refused = d->counters.refused;

    if (d->phase == PHASE_SERVING)
        snprintf(buf, size, "%zu/%llu client%s, %zu listener%s, %llu served, %llu refused%s",
                 d->sessions.roster.live, most, plural(most), d->listeners.count,
                 plural(d->listeners.count), served, refused,
                 d->rejected ? "; the last reload was rejected" : "");
    else if (d->sessions.roster.live > 0)
        format_wait(d, buf, size);
    else
        snprintf(buf, size, "Stopped: %llu served, %llu refused", served, refused);
}

struct service_status status_of(const struct daemon *d)
{
    struct service_status status = {.extension = 0};
    uint64_t now = clock_now();

    format(d, status.text, sizeof(status.text));
    if (d->phase == PHASE_DRAINING && d->phase_deadline > now)
        status.extension = d->phase_deadline - now + EXTENSION;
    return status;
}

struct report_source status_report_source(const struct daemon *d)
{
    return (struct report_source){
        .settings = d->settings->server,
        .config = d->config,
        .started = d->started,
        .serving = d->phase == PHASE_SERVING,
        .fork_servers = &d->fork_servers,
        .sessions = &d->sessions,
        .listeners = &d->listeners,
        .datagrams = &d->datagrams,
    };
}
