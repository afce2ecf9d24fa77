#include "daemon/drain.h"

#include "base/clock.h"
#include "base/duration.h"
#include "daemon/admission/admit.h"
#include "daemon/ends.h"
#include "daemon/status.h"
#include "daemon/supervise/worker_signals.h"

#include <signal.h>

/* How long workers that were asked to end have for it before they are killed. */
#define ENDING_TIME (2 * USEC_PER_SEC)

/* A client from whom nothing came, and to whom nothing went, for so long is idle. */
#define IDLE_TIME USEC_PER_SEC
/* How often that is looked at. */
#define SAMPLE_TIME (250 * USEC_PER_MSEC)

static void log_begin(struct server *server, uint64_t time)
{
    char span[DURATION_TEXT_MAX];

    if (server->sessions.roster.live == 0)
        log_info(&server->log, "stopping");
    else
        log_info(&server->log,
                 "stopping: up to %s for %zu client%s to finish; idle clients are disconnected "
                 "after 1s",
                 duration_format(time, span, sizeof(span)), server->sessions.roster.live,
                 plural(server->sessions.roster.live));
}

static void begin(struct server *server)
{
    uint64_t time = server->settings->server->drain_timeout;

    admission_reconsider(&server->admission, UINT64_MAX);
    datagram_workers_stop(&server->datagrams);
    listeners_close(&server->listeners, server->notifier.manager);
    admission_close(&server->admission);
    server->phase = PHASE_DRAINING;
    server->phase_deadline = clock_now() + time;
    server->sample_at = clock_now();
    const struct service_status status = status_of(server);
    notify_stopping(&server->notifier, &status);
    log_begin(server, time);
}

/* ---- who is idle ---- */

/* Looks at CLIENT's slot. Returns whether it has been idle for IDLE_TIME. */
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

/* Ends the sessions of those who are idle: what still comes up to then is answered. */
static void end_idle(struct server *server, uint64_t now)
{
    for (size_t i = 0; i < server->sessions.roster.used_clients; i++) {
        struct client *client = &server->sessions.roster.clients[i];
        if (client->job && !client->ending &&
            is_idle(client, slots_at(&server->sessions.slots, i), now)) {
            client->ending = true;
            worker_signal_client(&server->fork_servers, client, SIGTERM);
        }
    }
    server->sample_at = now + SAMPLE_TIME;
}

/* ---- phases ---- */

void drain_advance(struct server *server)
{
    switch (server->phase) {
    case PHASE_SERVING:
        begin(server);
        break;
    case PHASE_DRAINING:
        server->phase = PHASE_ENDING;
        server->phase_deadline = clock_now() + ENDING_TIME;
        server->sample_at = 0;
        if (server->sessions.roster.live > 0)
            log_notice(&server->log, "ending the session%s of %zu client%s",
                       plural(server->sessions.roster.live), server->sessions.roster.live,
                       plural(server->sessions.roster.live));
        worker_signal_all(&server->fork_servers, &server->sessions.roster, SIGTERM);
        break;
    case PHASE_ENDING:
    case PHASE_KILLING:
        server->phase = PHASE_KILLING;
        server->phase_deadline = 0;
        worker_signal_all(&server->fork_servers, &server->sessions.roster, SIGKILL);
        break;
    }
}

void drain_check(struct server *server, uint64_t now)
{
    if (server->sample_at && now >= server->sample_at)
        end_idle(server, now);
    if (server->phase_deadline && now >= server->phase_deadline)
        drain_advance(server);
}

static size_t workers(const struct server *server)
{
    return server->sessions.roster.live + datagram_workers_live(&server->datagrams);
}

bool drain_waits(const struct server *server)
{
    return server->phase != PHASE_SERVING && workers(server) > 0;
}

bool drain_done(const struct server *server)
{
    return server->phase != PHASE_SERVING && workers(server) == 0;
}
