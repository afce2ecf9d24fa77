/*
 * Signals as events: all that the daemon handles stay blocked; a descriptor tells its poll(2)
 * that some are pending, and they are then taken one by one. No handler runs.
 */
#ifndef ECHOD_DAEMON_SIGNALS_H
#define ECHOD_DAEMON_SIGNALS_H

#include <signal.h>
#include <stdint.h>

/*
 * What the kernel sends for a child that ends, instead of SIGCHLD: a real-time signal is queued
 * for each, with its process ID, so that nobody has to search all the children for it.
 */
#define CHILD_SIGNAL (SIGRTMIN + 1)

struct signals {
    int fd; /* readable while a signal is pending; never read */
    sigset_t set;
};

/* Blocks the signals, ignores SIGPIPE, makes the descriptor. Returns 0 or -errno. */
int signals_open(struct signals *signals);

/*
 * Takes one pending signal into INFO, waiting at most TIMEOUT microseconds for it.
 * Returns its number, or 0 if none came.
 */
int signals_take(const struct signals *signals, siginfo_t *info, uint64_t timeout);

#endif
