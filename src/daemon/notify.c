#include "daemon/notify.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/fd.h"
#include "daemon/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* A status at most this often: it is for people. */
#define STATUS_TIME USEC_PER_SEC
/* While the server drains, each status asks for as much more time than is left. */
#define EXTENSION (10 * USEC_PER_SEC)
/* How long is waited for a manager that has to close a socket before we can open it anew. */
#define SETTLE_MSEC 1000
#define NOTICE_MAX 512

/* ---- sending ---- */

/*
 * Sends TEXT, and the descriptor PASSED unless it is -1, to the manager. In place of sd_notify(3),
 * which waits for a manager that does not read. Returns 0, or -errno: -EAGAIN where it does not.
 */
static int send_notice(const char *text, int passed)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct address manager;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct iovec data = {.iov_base = (char *)text, .iov_len = strlen(text)};

    if (!path || address_unix(&manager, path) < 0)
        return -ENOENT;
    struct msghdr message = {.msg_name = &manager.sa,
                             .msg_namelen = manager.len,
                             .msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = passed < 0 ? NULL : control.bytes,
                             .msg_controllen = passed < 0 ? 0 : sizeof(control.bytes)};
    memcpy(CMSG_DATA(&control.header), &passed, sizeof(int));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 || sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
    fd_close(&fd);
    return r;
}

void notify_open(struct notifier *notifier)
{
    *notifier = (struct notifier){.manager = getenv("NOTIFY_SOCKET") != NULL};
    if (sd_watchdog_enabled(0, &notifier->watchdog) <= 0)
        notifier->watchdog = 0;
}

/* For whom a stop waits, and for how long at most. */
static void format_wait(const struct server *server, char *buf, size_t size)
{
    char span[DURATION_TEXT_MAX];

    snprintf(buf, size, "Stopping: waiting for %zu client%s", server->roster.live,
             plural(server->roster.live));
    if (server->phase == PHASE_DRAINING)
        text_append(buf, size, ", up to %s (drain_timeout)",
                    duration_format(server->settings->server->drain_timeout, span, sizeof(span)));
}

static void status_format(const struct server *server, char *buf, size_t size)
{
    unsigned long long most = server->settings->server->max_clients;
    unsigned long long served = server->totals.served, refused = server->totals.refused;

    if (server->phase == PHASE_SERVING)
        snprintf(buf, size, "%zu/%llu client%s, %zu listener%s, %llu served, %llu refused%s",
                 server->roster.live, most, plural(most), server->listeners.count,
                 plural(server->listeners.count), served, refused,
                 server->rejected ? "; the last reload was rejected" : "");
    else if (server->roster.live > 0)
        format_wait(server, buf, size);
    else
        snprintf(buf, size, "Stopped: %llu served, %llu refused", served, refused);
}

/* Sends STATE, some lines or none, with the status of now. */
static int tell(struct server *server, const char *state)
{
    struct notifier *notifier = &server->notifier;
    char text[NOTICE_MAX] = "", status[sizeof(notifier->status)];
    uint64_t now = clock_now(), deadline = server->phase_deadline;

    status_format(server, status, sizeof(status));
    text_append(text, sizeof(text), "%sSTATUS=%s", state, status);
    if (server->phase == PHASE_DRAINING && deadline > now)
        text_append(text, sizeof(text), "\nEXTEND_TIMEOUT_USEC=%" PRIu64,
                    deadline - now + EXTENSION);
    notifier->last_status = now;
    int r = send_notice(text, -1);
    if (r == 0)
        memcpy(notifier->status, status, sizeof(status));
    return r;
}

void notify_ready(struct server *server)
{
    if (server->notifier.manager)
        server->notifier.ready_due = tell(server, "READY=1\n") == -EAGAIN;
}

#define STORED_PREFIX "echod-listen-"

void notify_store(struct server *server)
{
    char text[sizeof(STORED_PREFIX) + LISTENER_NAME_SIZE + 32];

    for (size_t i = 0; server->notifier.manager && i < server->listeners.count; i++) {
        struct listener *l = &server->listeners.item[i];
        if (l->origin == LISTENER_PASSED || l->stored)
            continue;
        snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=" STORED_PREFIX "%s", l->settings->name);
        l->stored = send_notice(text, l->fd) != -EAGAIN;
    }
}

void notify_forget(const char *name)
{
    char text[sizeof(STORED_PREFIX) + LISTENER_NAME_SIZE + 32];

    snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=" STORED_PREFIX "%s", name);
    send_notice(text, -1);
}

void notify_settle(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    struct pollfd closed = {.fd = ends[0], .events = POLLIN};
    int r = send_notice("BARRIER=1", ends[1]);
    fd_close(&ends[1]);
    if (r == 0)
        poll(&closed, 1, SETTLE_MSEC);
    fd_close(&ends[0]);
}

const char *notify_stored_name(const char *fd_name)
{
    size_t len = strlen(STORED_PREFIX);

    return strncmp(fd_name, STORED_PREFIX, len) == 0 ? fd_name + len : NULL;
}

void notify_reloading(struct server *server)
{
    char text[64];

    if (!server->notifier.manager)
        return;
    /* In one datagram: systemd compares the time with that of the request. */
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)clock_now());
    send_notice(text, -1);
}

void notify_stopping(struct server *server)
{
    if (server->notifier.manager)
        tell(server, "STOPPING=1\n");
}

void notify_failed(const char *reason)
{
    char text[NOTICE_MAX];

    snprintf(text, sizeof(text), "STATUS=Cannot start: %s", reason);
    send_notice(text, -1);
}

static bool status_is_due(const struct server *server)
{
    char status[sizeof(server->notifier.status)];

    if (server->notifier.ready_due)
        return true;
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
        send_notice("WATCHDOG=1", -1);
    }
    if (!notifier->manager || now < notifier->last_status + STATUS_TIME)
        return;
    if (notifier->ready_due)
        notify_ready(server);
    else if (status_is_due(server))
        tell(server, "");
    notify_store(server);
}

uint64_t notify_next(const struct server *server)
{
    const struct notifier *notifier = &server->notifier;
    uint64_t next = notifier->watchdog ? feeding_time(notifier) : UINT64_MAX;
    uint64_t status = notifier->last_status + STATUS_TIME;

    return notifier->manager && status < next && status_is_due(server) ? status : next;
}
