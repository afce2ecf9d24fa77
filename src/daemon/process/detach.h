/*
 * Leaving the terminal in the way of SysV (daemon(7)).
 */
#ifndef ECHOD_DAEMON_PROCESS_DETACH_H
#define ECHOD_DAEMON_PROCESS_DETACH_H

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

#endif
