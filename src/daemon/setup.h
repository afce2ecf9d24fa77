/*
 * Creating the daemon, from scratch or from a handover, and destroying it.
 */
#ifndef ECHOD_DAEMON_SETUP_H
#define ECHOD_DAEMON_SETUP_H

#include "daemon/daemon.h"

/* The input for creating a daemon. */
struct daemon_plan {
    const struct settings *settings;
    const struct title *title;
    const char *program, *config, *pid_path;
    enum sink sink; /* where records go */
    int handover;   /* the handover of the previous program (handover.h), which is closed; or -1 */
};

/* Initialises D without resources. Its parts point at each other, so it must not be moved. */
void daemon_init(struct daemon *d, const struct daemon_plan *plan);

/*
 * Sets up everything but the listeners: signals, slots, roster, scribe. Listeners of a handover are
 * added to PASSED. Logs errors. Returns 0 or an exit status.
 */
int daemon_open(struct daemon *d, const struct daemon_plan *plan, struct inherited *passed);

/* Ends the scribe, once it has written its queue, and frees everything. */
void daemon_close(struct daemon *d);

#endif
