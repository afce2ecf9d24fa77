/*
 * Starting a fork server by fork and exec.
 */
#ifndef ECHOD_DAEMON_SUPERVISE_FORK_EXEC_H
#define ECHOD_DAEMON_SUPERVISE_FORK_EXEC_H

#include "base/exit.h"

#include <stdint.h>
#include <sys/types.h>

/* The identity of a program file: if it differs, another version has been installed. */
struct file_identity {
    uint64_t device, inode, size;
    int64_t modified; /* nanoseconds */
};

/*
 * Opens echod-forkserver: in the directory of PROGRAM, an absolute path, or else where it is
 * installed. *FILE says which file it is. Returns a descriptor (O_PATH), which stays that of this
 * file whatever is installed later, or -errno.
 */
int fork_exec_open(const char *program, struct file_identity *file);

/* Which file the program is that runs now. Without /proc nobody knows: it is zeros. */
struct file_identity fork_exec_self(void);

/* What it means if that fails. */
#define FORK_EXEC_NOT_FOUND                                                                        \
    "cannot open echod-forkserver in the directory of echod or in " FORKSERVER_DIR

/* The exit status of a process of fork_exec() that could not execute the file. The fork server has
 * no such status. */
#define FORK_EXEC_FAILED EXIT_UNAVAILABLE

/* Forks a process that executes EXECUTABLE, of fork_exec_open(), with CHANNEL and nothing else, and
 * ends with this one. Returns its process ID or -errno. */
pid_t fork_exec(int executable, int channel);

#endif
