/*
 * Forking a worker.
 */
#ifndef ECHOD_FORKSERVER_SPAWN_H
#define ECHOD_FORKSERVER_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The exit signal of a worker, instead of SIGCHLD: a real-time signal is queued for each, with its
 * process ID, so that no search is needed. (It must be a constant: glibc's SIGRTMIN is 34.)
 */
#define SPAWN_SIGNAL 35
#define SPAWN_FLAGS (UINT64_C(0x00100000) /* CLONE_PARENT_SETTID */ | SPAWN_SIGNAL)

/*
 * Like fork(2), but the parent gets SPAWN_SIGNAL instead of SIGCHLD when the child ends; wait for
 * it with __WALL (wait(2)). Before the child runs, the kernel writes its process ID to *PID. No
 * pthread_atfork(3) handlers run: for a process without threads only. Returns the process ID of the
 * child, 0 in the child, or -errno.
 */
pid_t spawn(int *pid);

/* In a child: sends it SIGNAL when PARENT ends. Returns whether PARENT still exists. */
bool spawn_bind(pid_t parent, int signal);

#endif
