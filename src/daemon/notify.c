#include "daemon/notify.h"

#include "base/span.h"
#include "daemon/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* A status at most this often: it is for people. */
#define STATUS_TIME USEC_PER_SEC
/* While the server drains, each status asks for as much more time than is left. */
#define EXTENSION (10 * USEC_PER_SEC)

void notify_open(struct notifier *notifier)
{
    *notifier = (struct notifier){.manager = getenv("NOTIFY_SOCKET") != NULL};
    if (sd_watchdog_enabled(0, &notifier->watchdog) <= 0)
        notifier->watchdog = 0;
}

static void status_format(const struct server *server, char *buf, size_t size)
{
    unsigned long long most = server->settings->server->max_clients;
    unsigned long long served = server->totals.served, refused = server->totals.refused;

    if (server->phase == PHASE_SERVING)
        snprintf(buf, size, "%zu/%llu clients, %zu listeners, %llu served, %llu refused",
                 server->roster.live, most, server->listeners.count, served, refused);
    else if (server->roster.live > 0)
        snprintf(buf, size, "Stopping: waiting for %zu/%llu clients", server->roster.live, most);
    else
        snprintf(buf, size, "Stopped: %llu served, %llu refused", served, refused);
}

/* Sends STATE, some lines or none, with the status of now. */
static void tell(struct server *server, const char *state)
{
    struct notifier *notifier = &server->notifier;
    uint64_t now = clock_now();

    status_format(server, notifier->status, sizeof(notifier->status));
    notifier->last_status = now;
    if (server->phase == PHASE_DRAINING && server->phase_deadline > now)
        sd_notifyf(0, "%sSTATUS=%s\nEXTEND_TIMEOUT_USEC=%llu", state, notifier->status,
                   (unsigned long long)(server->phase_deadline - now + EXTENSION));
    else
        sd_notifyf(0, "%sSTATUS=%s", state, notifier->status);
}

void notify_ready(struct server *server)
{
    if (server->notifier.manager)
        tell(server, "READY=1\n");
}

#define STORED_PREFIX "echod-listen-"

void notify_store(struct server *server)
{
    char text[sizeof(STORED_PREFIX) + LISTENER_NAME_SIZE + 32];

    for (size_t i = 0; server->notifier.manager && i < server->listeners.count; i++) {
        const struct listener *l = &server->listeners.item[i];
        if (l->origin == LISTENER_PASSED)
            continue;
        snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=" STORED_PREFIX "%s", l->settings->name);
        sd_pid_notify_with_fds(0, 0, text, &l->fd, 1);
    }
}

void notify_forget(const char *name)
{
    sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=" STORED_PREFIX "%s", name);
}

void notify_settle(void)
{
    sd_notify_barrier(0, 3 * USEC_PER_SEC);
}

const char *notify_stored_name(const char *fd_name)
{
    size_t len = strlen(STORED_PREFIX);

    return strncmp(fd_name, STORED_PREFIX, len) == 0 ? fd_name + len : NULL;
}

void notify_reloading(struct server *server)
{
    /* In one datagram: systemd compares the time with that of the request. */
    if (server->notifier.manager)
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_now());
}

void notify_stopping(struct server *server)
{
    if (server->notifier.manager)
        tell(server, "STOPPING=1\n");
}

static bool status_is_due(const struct server *server)
{
    char status[sizeof(server->notifier.status)];

    status_format(server, status, sizeof(status));
    return strcmp(status, server->notifier.status) != 0;
}

void notify_stopped(struct server *server)
{
    if (server->notifier.manager && status_is_due(server))
        tell(server, "");
}

/* Half of what it allows: a delay of ours is not to be taken for a death. */
static uint64_t feeding_time(const struct notifier *notifier)
{
    return notifier->last_fed + notifier->watchdog / 2;
}

void notify_turn(struct server *server, uint64_t now)
{
    struct notifier *notifier = &server->notifier;

    if (notifier->watchdog && now >= feeding_time(notifier)) {
        notifier->last_fed = now;
        sd_notify(0, "WATCHDOG=1");
    }
    if (notifier->manager && now >= notifier->last_status + STATUS_TIME && status_is_due(server))
        tell(server, "");
}

uint64_t notify_next(const struct server *server)
{
    const struct notifier *notifier = &server->notifier;
    uint64_t next = notifier->watchdog ? feeding_time(notifier) : UINT64_MAX;
    uint64_t status = notifier->last_status + STATUS_TIME;

    return notifier->manager && status < next && status_is_due(server) ? status : next;
}
