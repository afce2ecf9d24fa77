/*
 * Opening files by their names, whatever is there: only what is a regular file, and without
 * waiting.
 */
#ifndef ECHOD_BASE_FILE_H
#define ECHOD_BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * open(2), close-on-exec, of a regular file. What is none is not even opened: to open a device can
 * have effects, to open a FIFO can wait for ever. Reading does not wait either.
 * Returns the descriptor or -errno: -EISDIR for a directory, -EINVAL for anything else.
 */
int file_open(const char *path, int flags, mode_t mode);

/*
 * Whether PATH is a descriptor that this process was given (/dev/stdin, /dev/fd/63): the user of a
 * shell names a pipe so, which can be read only once.
 */
bool file_is_descriptor(const char *path);

/* Whether PATH leads to /dev/null, which masks a file. */
bool file_is_masked(const char *path);

/* Whether the directory in which PATH, an absolute path, would be does not exist. */
bool file_lacks_directory(const char *path);

/* A clause that explains ERROR, an errno of the functions above. */
const char *file_error(int error);

#endif
