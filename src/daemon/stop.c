#include "daemon/stop.h"

#include "base/clock.h"
#include "base/duration.h"
#include "daemon/admission/admit.h"
#include "daemon/ends.h"
#include "daemon/status.h"
#include "daemon/supervise/worker_signals.h"

#include <signal.h>

/* How long workers may take to end after SIGTERM, before SIGKILL. */
#define ENDING_TIME (2 * USEC_PER_SEC)

/* A client without traffic for this long is idle. */
#define IDLE_TIME USEC_PER_SEC
/* How often to check for idle clients. */
#define SAMPLE_TIME (250 * USEC_PER_MSEC)

static void log_begin(struct daemon *d, uint64_t time)
{
    char span[DURATION_TEXT_MAX];

    if (d->sessions.roster.live == 0)
        log_info(&d->log, "stopping");
    else
        log_info(&d->log,
                 "stopping: up to %s for %zu client%s to finish; idle clients are disconnected "
                 "after 1s",
                 duration_format(time, span, sizeof(span)), d->sessions.roster.live,
                 plural(d->sessions.roster.live));
}

static void begin(struct daemon *d)
{
    uint64_t time = d->settings->server->drain_timeout;

    admission_reconsider(&d->admission, UINT64_MAX);
    datagram_workers_stop(&d->datagrams);
    listeners_close(&d->listeners, d->notifier.manager);
    admission_close(&d->admission);
    metrics_file_close(&d->metrics);
    d->phase = PHASE_DRAINING;
    d->phase_deadline = clock_now() + time;
    d->sample_at = clock_now();
    const struct service_status status = status_of(d);
    notify_stopping(&d->notifier, &status);
    log_begin(d, time);
}

/* ---- idle clients ---- */

/* Compares SLOT with the previous check. Returns whether CLIENT has been idle for IDLE_TIME. */
static bool is_idle(struct client *client, const struct slot *slot, uint64_t now)
{
    uint64_t bytes = atomic_load(&slot->bytes_in) + atomic_load(&slot->bytes_out);

    if (atomic_load(&slot->busy) || client->pid <= 0 || bytes != client->bytes ||
        client->idle_since == 0) {
        client->bytes = bytes;
        client->idle_since = now;
        return false;
    }
    return now - client->idle_since >= IDLE_TIME;
}

/* Ends the sessions of idle clients. Their workers answer what has arrived by then. */
static void end_idle(struct daemon *d, uint64_t now)
{
    for (size_t i = 0; i < d->sessions.roster.used_clients; i++) {
        struct client *client = &d->sessions.roster.clients[i];
        if (client->job && !client->ending &&
            is_idle(client, slots_at(&d->sessions.slots, i), now)) {
            client->ending = true;
            worker_signal_client(&d->fork_servers, client, SIGTERM);
        }
    }
    d->sample_at = now + SAMPLE_TIME;
}

/* ---- phases ---- */

void stop_advance(struct daemon *d)
{
    switch (d->phase) {
    case PHASE_SERVING:
        begin(d);
        break;
    case PHASE_DRAINING:
        d->phase = PHASE_ENDING;
        d->phase_deadline = clock_now() + ENDING_TIME;
        d->sample_at = 0;
        if (d->sessions.roster.live > 0)
            log_notice(&d->log, "ending the session%s of %zu client%s",
                       plural(d->sessions.roster.live), d->sessions.roster.live,
                       plural(d->sessions.roster.live));
        worker_signal_all(&d->fork_servers, &d->sessions.roster, SIGTERM);
        break;
    case PHASE_ENDING:
    case PHASE_KILLING:
        d->phase = PHASE_KILLING;
        d->phase_deadline = 0;
        worker_signal_all(&d->fork_servers, &d->sessions.roster, SIGKILL);
        break;
    }
}

void stop_run(struct daemon *d, uint64_t now)
{
    if (d->sample_at && now >= d->sample_at)
        end_idle(d, now);
    if (d->phase_deadline && now >= d->phase_deadline)
        stop_advance(d);
}

uint64_t stop_next(const struct daemon *d)
{
    uint64_t sample = d->sample_at ? d->sample_at : UINT64_MAX;

    return clock_earlier(sample, d->phase_deadline ? d->phase_deadline : UINT64_MAX);
}

static size_t workers(const struct daemon *d)
{
    return d->sessions.roster.live + datagram_workers_live(&d->datagrams);
}

bool stop_done(const struct daemon *d)
{
    return d->phase != PHASE_SERVING && workers(d) == 0;
}
