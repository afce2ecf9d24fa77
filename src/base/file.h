/*
 * Opening regular files by path, without blocking on anything else that may be there.
 */
#ifndef ECHOD_BASE_FILE_H
#define ECHOD_BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * open(2) with O_CLOEXEC for regular files. Anything else is not opened, because opening a device
 * can have side effects, and opening a FIFO can block. Reading does not block either. Returns the
 * descriptor or -errno: -EISDIR for a directory, -EINVAL for anything else.
 */
int file_open(const char *path, int flags, mode_t mode);

/*
 * Whether PATH names a descriptor of this process (/dev/stdin, /dev/fd/63). Shells name pipes like
 * this, which can be read only once.
 */
bool file_is_descriptor(const char *path);

/* Whether PATH leads to /dev/null, which masks a file. */
bool file_is_masked(const char *path);

/* Whether the directory of the absolute PATH does not exist. */
bool file_lacks_directory(const char *path);

/* Describes ERROR, an errno of the functions above. */
const char *file_error(int error);

#endif
