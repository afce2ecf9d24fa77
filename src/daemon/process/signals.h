/*
 * Signals as events: all signals that the daemon handles stay blocked; a descriptor in its poll set
 * becomes readable when some are pending, and they are taken one by one. No handler runs.
 */
#ifndef ECHOD_DAEMON_PROCESS_SIGNALS_H
#define ECHOD_DAEMON_PROCESS_SIGNALS_H

#include <signal.h>
#include <stdint.h>

struct signals {
    int fd; /* readable while a signal is pending; never read */
    sigset_t set;
};

/* Blocks the signals, ignores SIGPIPE, SIGUSR1 and SIGUSR2, and makes the descriptor. Returns 0 or
 * -errno. */
int signals_open(struct signals *signals);

/*
 * Takes one pending signal into INFO, waiting at most TIMEOUT microseconds for it.
 * Returns its number, or 0 if none came.
 */
int signals_take(const struct signals *signals, siginfo_t *info, uint64_t timeout);

#endif
