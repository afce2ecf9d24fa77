/*
 * The pid file: its lock is held by the daemon that it names.
 */
#ifndef ECHOD_DAEMON_PROCESS_PID_FILE_H
#define ECHOD_DAEMON_PROCESS_PID_FILE_H

/*
 * Writes this process's ID to the file PATH and locks it (fcntl(2), F_SETLK: the lock ends with
 * the process, and no child has it); *FD holds the lock.
 * Returns 0, -EAGAIN where another process holds the lock, or -errno (file_error()).
 */
int pid_file_write(int *fd, const char *path);

/* Removes the file, if it is still the locked one, and releases the lock; does nothing if *FD is
 * -1. */
void pid_file_remove(int *fd, const char *path);

#endif
