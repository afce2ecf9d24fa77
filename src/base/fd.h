/*
 * Descriptors.
 */
#ifndef ECHOD_BASE_FD_H
#define ECHOD_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>

/* Closes *FD unless it is -1, and sets it to -1; errno is kept. */
void fd_close(int *fd);

/*
 * Writes all LEN bytes to FD past EINTR, partial writes and, on a non-blocking descriptor, waits.
 * Returns 0 or -errno.
 */
int fd_write_all(int fd, const void *data, size_t len);

/*
 * Opens /dev/null for descriptors 0, 1 and 2 if they are closed. Otherwise a socket could get one
 * of these numbers and receive the output. They stay open across exec(3). Returns 0 or -errno.
 */
int fd_ensure_standard(void);

/* Whether two descriptors refer to the same file, socket or terminal. */
bool fd_same_file(int a, int b);

/* Sets or clears O_NONBLOCK on FD. Returns 0 or -errno. */
int fd_set_nonblocking(int fd, bool on);

/* Whether ERROR, of a call on a valid descriptor, means that a seccomp filter always refuses the
 * call. */
bool fd_is_refusal(int error);

#endif
