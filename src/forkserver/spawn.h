/*
 * How a worker is forked.
 */
#ifndef ECHOD_FORKSERVER_SPAWN_H
#define ECHOD_FORKSERVER_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What the kernel sends for a worker that ends, instead of SIGCHLD: a real-time signal is queued
 * for each, with its process ID, so that nobody has to search all of them. (It has to be a
 * constant: glibc's SIGRTMIN is 34.)
 */
#define SPAWN_SIGNAL 35
#define SPAWN_FLAGS (UINT64_C(0x00100000) /* CLONE_PARENT_SETTID */ | SPAWN_SIGNAL)

/*
 * fork(2), but the child's end is announced to the parent by SPAWN_SIGNAL and not by SIGCHLD; the
 * child is to be waited for with __WALL (wait(2)). Before it runs, the kernel writes its process ID
 * to *PID. No pthread_atfork(3) handlers are run: for a process without threads only.
 * Returns the child's process ID, 0 in the child, or -errno.
 */
pid_t spawn(int *pid);

/* In a child: has it get SIGNAL when PARENT ends. Returns whether that is still there. */
bool spawn_bind(pid_t parent, int signal);

#endif
