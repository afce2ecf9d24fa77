#include "daemon/process/notify.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "net/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

/* The shortest time between two status messages, which are for people. */
#define STATUS_TIME USEC_PER_SEC
#define NOTICE_MAX 512
/* However short the watchdog's interval is, the loop must not spin. */
#define SHORTEST_INTERVAL USEC_PER_MSEC

int notify_send(const char *text, int passed)
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
    int r = sd_watchdog_enabled(0, &notifier->watchdog);
    notifier->malformed = r < 0;
    if (r <= 0)
        notifier->watchdog = 0;
}

/* Sends the lines STATE, which may be empty, with the current STATUS. */
static int send_state(struct notifier *notifier, const char *state,
                      const struct service_status *status)
{
    char text[NOTICE_MAX] = "";

    text_append(text, sizeof(text), "%sSTATUS=%s", state, status->text);
    if (status->extension)
        text_append(text, sizeof(text), "\nEXTEND_TIMEOUT_USEC=%llu",
                    (unsigned long long)status->extension);
    notifier->last_status = clock_now();
    int r = notify_send(text, -1);
    if (r == 0)
        memcpy(notifier->status, status->text, sizeof(notifier->status));
    return r;
}

void notify_ready(struct notifier *notifier, const struct service_status *status)
{
    if (!notifier->manager)
        return;
    int r = send_state(notifier, "READY=1\n", status);
    notifier->ready_due = r == -EAGAIN;
    notifier->failure = notifier->ready_due ? 0 : r;
}

void notify_check(const struct notifier *notifier, struct log *log)
{
    if (notifier->failure)
        log_warning(log, "cannot notify the service manager: NOTIFY_SOCKET=%s: %s",
                    getenv("NOTIFY_SOCKET"), strerror(-notifier->failure));
    if (notifier->malformed)
        log_warning(log, "the watchdog is not fed: WATCHDOG_USEC or WATCHDOG_PID is not a number");
}

void notify_reloading(const struct notifier *notifier)
{
    char text[64];

    if (!notifier->manager)
        return;
    /* In one datagram, because systemd compares the time with that of its request. */
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)clock_now());
    notify_send(text, -1);
}

void notify_stopping(struct notifier *notifier, const struct service_status *status)
{
    if (notifier->manager)
        send_state(notifier, "STOPPING=1\n", status);
}

void notify_failed(const char *reason)
{
    char text[NOTICE_MAX];

    snprintf(text, sizeof(text), "STATUS=Cannot start: %s", reason);
    notify_send(text, -1);
}

static bool status_is_due(const struct notifier *notifier, const struct service_status *status)
{
    return notifier->ready_due || strcmp(status->text, notifier->status) != 0;
}

void notify_stopped(struct notifier *notifier, const struct service_status *status)
{
    if (notifier->manager && status_is_due(notifier, status))
        send_state(notifier, "", status);
}

/* Half of the timeout, so that a short delay does not trigger the watchdog. */
static uint64_t watchdog_interval(const struct notifier *notifier)
{
    uint64_t interval = notifier->watchdog / 2;

    return notifier->last_fed + (interval < SHORTEST_INTERVAL ? SHORTEST_INTERVAL : interval);
}

bool notify_run(struct notifier *notifier, const struct service_status *status, uint64_t now)
{
    if (notifier->watchdog && now >= watchdog_interval(notifier)) {
        notifier->last_fed = now;
        notify_send("WATCHDOG=1", -1);
    }
    if (!notifier->manager || now < notifier->last_status + STATUS_TIME)
        return false;
    if (notifier->ready_due)
        notify_ready(notifier, status);
    else if (status_is_due(notifier, status))
        send_state(notifier, "", status);
    return true;
}

uint64_t notify_next(const struct notifier *notifier, const struct service_status *status)
{
    uint64_t next = notifier->watchdog ? watchdog_interval(notifier) : UINT64_MAX;
    uint64_t at = notifier->last_status + STATUS_TIME;

    return notifier->manager && at < next && status_is_due(notifier, status) ? at : next;
}
