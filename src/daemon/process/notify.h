/*
 * What the service manager is told (the protocol of sd_notify(3)). Without one, nothing is sent;
 * one that does not read is not waited for: what it has to know is told again a second later.
 */
#ifndef ECHOD_DAEMON_PROCESS_NOTIFY_H
#define ECHOD_DAEMON_PROCESS_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_STATUS_MAX 160

/* The state of the service, as systemctl status shows it. */
struct service_status {
    char text[NOTIFY_STATUS_MAX];
    uint64_t extension; /* microseconds that a stop still takes at most; 0: it asks for none */
};

/* What was told last, and when the watchdog wants to hear from us. */
struct notifier {
    bool manager;      /* there is somebody to tell */
    bool ready_due;    /* it has not taken the READY=1 yet */
    uint64_t watchdog; /* microseconds within which it must be fed; 0: there is none */
    uint64_t last_fed; /* clock_now() */
    uint64_t last_status;
    char status[NOTIFY_STATUS_MAX];
};

/*
 * Sends TEXT, and the descriptor PASSED unless it is -1, to the manager. In place of sd_notify(3),
 * which waits for a manager that does not read. Returns 0, or -errno: -EAGAIN where it does not.
 */
int notify_send(const char *text, int passed);

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC. */
void notify_open(struct notifier *notifier);

/* The daemon listens: dependants may start. */
void notify_ready(struct notifier *notifier, const struct service_status *status);

/* It loads its configuration anew; notify_ready() follows, in whatever program. */
void notify_reloading(const struct notifier *notifier);

/* It cannot start, for this REASON, which systemctl status shows while it is tried again. */
void notify_failed(const char *reason);

/* It waits for its clients to finish. */
void notify_stopping(struct notifier *notifier, const struct service_status *status);

/* The last client is gone. */
void notify_stopped(struct notifier *notifier, const struct service_status *status);

/*
 * Feeds the watchdog and tells a status that has changed, if it is time for it; to be called in
 * each turn of the loop, so that a loop that stands still starves the watchdog. Returns whether it
 * was time for a status: what the manager did not take may be tried again, too.
 */
bool notify_run(struct notifier *notifier, const struct service_status *status, uint64_t now);

/* When notify_run() has to be called next, clock_now(); UINT64_MAX: not by itself. */
uint64_t notify_next(const struct notifier *notifier, const struct service_status *status);

#endif
