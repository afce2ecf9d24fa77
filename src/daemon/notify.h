/*
 * What the service manager is told (the protocol of sd_notify(3)). Without one, nothing is sent;
 * one that does not read is not waited for: what it has to know is told again a second later.
 */
#ifndef ECHOD_DAEMON_NOTIFY_H
#define ECHOD_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct server;

/* What was told last, and when the watchdog wants to hear from us. */
struct notifier {
    bool manager;      /* there is somebody to tell */
    bool ready_due;    /* it has not taken the READY=1 yet */
    uint64_t watchdog; /* microseconds within which it must be fed; 0: there is none */
    uint64_t last_fed; /* clock_now() */
    uint64_t last_status;
    char status[160];
};

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC. */
void notify_open(struct notifier *notifier);

/* The server listens: dependants may start. */
void notify_ready(struct server *server);

/* It loads its configuration anew; notify_ready() follows, in whatever program. */
void notify_reloading(struct server *server);

/*
 * Gives the listeners that the daemon opened to the manager to keep (FileDescriptorStoreMax=), so
 * that a restart refuses nobody: connections wait in them until the next daemon gets them passed.
 */
void notify_store(struct server *server);

/* Takes those of the listener NAME back from it. */
void notify_forget(const char *name);

/* Waits, a second at most, until the manager has done what it was told. */
void notify_settle(void);

/* The name of the listener, if FD_NAME, of a passed socket, is that of a kept one; else NULL. */
const char *notify_stored_name(const char *fd_name);

/* It cannot start, for this REASON, which systemctl status shows while it is tried again. */
void notify_failed(const char *reason);

/* It waits for its clients to finish. */
void notify_stopping(struct server *server);

/* The last client is gone. */
void notify_stopped(struct server *server);

/*
 * Feeds the watchdog and tells a status that has changed, if it is time for it; to be called in
 * each turn of the loop, so that a loop that stands still starves the watchdog.
 */
void notify_turn(struct server *server, uint64_t now);

/* When notify_turn() has to be called next, clock_now(); UINT64_MAX: not by itself. */
uint64_t notify_next(const struct server *server);

#endif
