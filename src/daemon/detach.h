/*
 * Leaving the terminal in the way of SysV (daemon(7)), and the pid file.
 */
#ifndef ECHOD_DAEMON_DETACH_H
#define ECHOD_DAEMON_DETACH_H

#include <stdbool.h>

/*
 * Goes on in a process of its own session without a terminal; the one that called stays until
 * that process calls detach_finish(), or ends, and exits with the status that it gives.
 * Returns a descriptor for detach_finish(), or -errno.
 */
int detach_begin(void);

/* Lets the first process exit with STATUS, and gives up the standard streams but for a standard
 * error that is no terminal: records may go there. */
void detach_finish(int fd, int status);

/* Connects the descriptor FD to /dev/null. */
void detach_silence(int fd);

/*
 * Writes this process's ID to the file PATH and locks it (fcntl(2), F_SETLK: the lock ends with
 * the process, and no child has it); *FD holds the lock.
 * Returns 0, -EAGAIN where another process holds the lock, or -errno (file_error()).
 */
int pid_file_write(int *fd, const char *path);

/* Removes the file, if it is still the one that was locked, and gives up the lock; does nothing
 * where *FD is -1. */
void pid_file_remove(int *fd, const char *path);

#endif
