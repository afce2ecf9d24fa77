#include "daemon/drain.h"

#include "base/span.h"
#include "daemon/admission.h"
#include "daemon/clients.h"
#include "daemon/notify.h"

#include <signal.h>

/* How long workers that were asked to end have for it before they are killed. */
#define ENDING_TIME (2 * USEC_PER_SEC)

static void signal_workers(struct server *server, int number)
{
    for (size_t i = 0; i < server->roster.used_clients; i++)
        if (server->roster.clients[i].job)
            clients_signal(server, &server->roster.clients[i], number);
}

static void begin(struct server *server)
{
    char span[SPAN_TEXT_MAX];
    uint64_t time = server->settings->server->drain_timeout;

    admission_reconsider(server, UINT64_MAX);
    datagrams_stop(server);
    listeners_close(&server->listeners, server->notifier.manager);
    server->phase = PHASE_DRAINING;
    server->phase_deadline = clock_now() + time;
    notify_stopping(server);
    if (server->roster.live == 0)
        log_info(&server->log, "stopping");
    else
        log_info(&server->log, "stopping: up to %s for %zu client%s to finish",
                 span_format(time, span, sizeof(span)), server->roster.live,
                 plural(server->roster.live));
}

void drain_advance(struct server *server)
{
    switch (server->phase) {
    case PHASE_SERVING:
        begin(server);
        break;
    case PHASE_DRAINING:
        server->phase = PHASE_ENDING;
        server->phase_deadline = clock_now() + ENDING_TIME;
        if (server->roster.live > 0)
            log_notice(&server->log, "ending the session%s of %zu client%s",
                       plural(server->roster.live), server->roster.live,
                       plural(server->roster.live));
        signal_workers(server, SIGTERM);
        break;
    case PHASE_ENDING:
    case PHASE_KILLING:
        server->phase = PHASE_KILLING;
        server->phase_deadline = 0;
        signal_workers(server, SIGKILL);
        break;
    }
}

void drain_check(struct server *server, uint64_t now)
{
    if (server->phase_deadline && now >= server->phase_deadline)
        drain_advance(server);
}

static size_t workers(const struct server *server)
{
    return server->roster.live + datagrams_live(&server->datagrams);
}

bool drain_waits(const struct server *server)
{
    return server->phase != PHASE_SERVING && workers(server) > 0;
}

bool drain_done(const struct server *server)
{
    return server->phase != PHASE_SERVING && workers(server) == 0;
}
