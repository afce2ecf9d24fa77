#include "daemon/status.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/text.h"

#include <stdio.h>

/* While the daemon drains, each status asks for as much more time than is left. */
#define EXTENSION (10 * USEC_PER_SEC)

/* For whom a stop waits, and for how long at most. */
static void format_wait(const struct server *server, char *buf, size_t size)
{
    char time[DURATION_TEXT_MAX];

    snprintf(buf, size, "Stopping: waiting for %zu client%s", server->sessions.roster.live,
             plural(server->sessions.roster.live));
    if (server->phase == PHASE_DRAINING)
        text_append(buf, size, ", up to %s (drain_timeout)",
                    duration_format(server->settings->server->drain_timeout, time, sizeof(time)));
}

static void format(const struct server *server, char *buf, size_t size)
{
    unsigned long long most = server->settings->server->max_clients;
    unsigned long long served = server->counters.served, refused = server->counters.refused;

    if (server->phase == PHASE_SERVING)
        snprintf(buf, size, "%zu/%llu client%s, %zu listener%s, %llu served, %llu refused%s",
                 server->sessions.roster.live, most, plural(most), server->listeners.count,
                 plural(server->listeners.count), served, refused,
                 server->rejected ? "; the last reload was rejected" : "");
    else if (server->sessions.roster.live > 0)
        format_wait(server, buf, size);
    else
        snprintf(buf, size, "Stopped: %llu served, %llu refused", served, refused);
}

struct service_status status_of(const struct server *server)
{
    struct service_status status = {.extension = 0};
    uint64_t now = clock_now();

    format(server, status.text, sizeof(status.text));
    if (server->phase == PHASE_DRAINING && server->phase_deadline > now)
        status.extension = server->phase_deadline - now + EXTENSION;
    return status;
}
