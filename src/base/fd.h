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
 * Opens /dev/null for those of the descriptors 0, 1 and 2 that are closed: a socket that got one of
 * these numbers would receive what is printed. They stay open across exec(3). Returns 0 or -errno.
 */
int fd_ensure_standard(void);

/* Whether two descriptors are of one file, socket or terminal. */
bool fd_same_file(int a, int b);

/* Raises or lowers the flag O_NONBLOCK of FD. Returns 0 or -errno. */
int fd_set_nonblocking(int fd, bool on);

/* Whether ERROR of a call on a descriptor that is open and ours is a filter's, which refuses that
 * call always. */
bool fd_is_refusal(int error);

#endif
