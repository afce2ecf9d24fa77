/*
 * How the daemon forks.
 */
#ifndef ECHOD_DAEMON_SPAWN_H
#define ECHOD_DAEMON_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * fork(2), but the child's end is announced to the parent by EXIT_SIGNAL and not by SIGCHLD; the
 * child is to be waited for with __WALL (wait(2)). No pthread_atfork(3) handlers are run: for a
 * process without threads only.
 * Returns the child's process ID, 0 in the child, or -errno.
 */
pid_t spawn(int exit_signal);

/* In a child: has it get SIGNAL when PARENT ends. Returns whether that is still there. */
bool spawn_bind(pid_t parent, int signal);

#endif
