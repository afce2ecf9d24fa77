/*
 * Detaching from the terminal, the SysV way (daemon(7)).
 */
#ifndef ECHOD_DAEMON_PROCESS_DETACH_H
#define ECHOD_DAEMON_PROCESS_DETACH_H

/*
 * Continues in a background process, in a session without a terminal. The calling process waits
 * until that one calls detach_finish() or ends, and exits with its status. Returns a descriptor for
 * detach_finish(), or -errno.
 */
int detach_begin(void);

/* Lets the first process exit with STATUS, and closes the standard streams; but not a standard
 * error that is no terminal, since records may go there. */
void detach_finish(int fd, int status);

/* Connects the descriptor FD to /dev/null. */
void detach_silence(int fd);

#endif
