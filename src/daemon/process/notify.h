/*
 * Notifications to the service manager (the protocol of sd_notify(3)). Without a manager, nothing
 * is sent. The daemon does not wait for one that does not read: important notifications are
 * repeated a second later.
 */
#ifndef ECHOD_DAEMON_PROCESS_NOTIFY_H
#define ECHOD_DAEMON_PROCESS_NOTIFY_H

#include "log/log.h"

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_STATUS_MAX 160

/* The state of the service, as systemctl status shows it. */
struct service_status {
    char text[NOTIFY_STATUS_MAX];
    uint64_t extension; /* microseconds that a stop may still take; 0: no extension */
};

/* The last notifications. */
struct notifier {
    bool manager;      /* there is a manager */
    bool ready_due;    /* READY=1 could not be sent yet */
    int failure;       /* -errno of READY=1, or 0 */
    bool malformed;    /* WATCHDOG_USEC makes no sense */
    uint64_t watchdog; /* interval of the watchdog in microseconds; 0: none */
    uint64_t last_fed; /* clock_now() */
    uint64_t last_status;
    char status[NOTIFY_STATUS_MAX];
};

/*
 * Sends TEXT, and the descriptor PASSED unless it is -1, to the manager. Unlike sd_notify(3), it
 * does not wait for a manager that does not read. Returns 0, or -errno: -EAGAIN if it does not
 * read.
 */
int notify_send(const char *text, int passed);

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC. */
void notify_open(struct notifier *notifier);

/* The daemon is listening: dependent units may start. */
void notify_ready(struct notifier *notifier, const struct service_status *status);

/* After notify_ready(): warns if NOTIFY_SOCKET or WATCHDOG_USEC cannot be used, since a manager
 * that waits in vain would end the service. */
void notify_check(const struct notifier *notifier, struct log *log);

/* The daemon is reloading; notify_ready() follows, in this program or the next. */
void notify_reloading(const struct notifier *notifier);

/* The daemon cannot start, for this REASON, which systemctl status shows while it is retried. */
void notify_failed(const char *reason);

/* The daemon waits for its clients to finish. */
void notify_stopping(struct notifier *notifier, const struct service_status *status);

/* The last client is gone. */
void notify_stopped(struct notifier *notifier, const struct service_status *status);

/*
 * Feeds the watchdog and sends a changed status, if it is time. Called in each iteration of the
 * loop, so that a loop that hangs starves the watchdog. Returns whether it was time for a status:
 * then other notifications may be retried, too.
 */
bool notify_run(struct notifier *notifier, const struct service_status *status, uint64_t now);

/* When notify_run() has to be called next, clock_now(); UINT64_MAX: never. */
uint64_t notify_next(const struct notifier *notifier, const struct service_status *status);

#endif
