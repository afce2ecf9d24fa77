/*
 * Making the daemon, afresh or from what the program before left, and taking it apart.
 */
#ifndef ECHOD_DAEMON_SETUP_H
#define ECHOD_DAEMON_SETUP_H

#include "daemon/daemon.h"

/* What a daemon is made from. */
struct daemon_plan {
    const struct settings *settings;
    const struct title *title;
    const char *program, *config, *pid_path;
    enum sink sink; /* where records go */
    int handover;   /* what the program before left (handover.h), which is closed; or -1 */
};

/* Makes a daemon that has nothing yet. Its parts point at each other: it is not to be moved. */
void daemon_init(struct daemon *d, const struct daemon_plan *plan);

/*
 * Sets up what serving needs but listeners: signals, slots, roster, scribe; those that are there
 * already are added to PASSED. Logs what fails. Returns 0 or an exit status.
 */
int daemon_open(struct daemon *d, const struct daemon_plan *plan, struct inherited *passed);

/* Ends the scribe, once it has written what it was given, and frees everything. */
void daemon_close(struct daemon *d);

#endif
