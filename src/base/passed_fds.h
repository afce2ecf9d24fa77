/*
 * Descriptors that the peer of a Unix socket passes (unix(7), SCM_RIGHTS). echod needs none of
 * them, and each can be a trap: the last process to close a TCP socket with SO_LINGER and unsent
 * data blocks for as long as the peer has chosen (socket(7)).
 */
#ifndef ECHOD_BASE_PASSED_FDS_H
#define ECHOD_BASE_PASSED_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Makes the kernel refuse descriptors that are passed to the Unix socket FD, and to sockets that a
 * listening FD accepts: the sender gets EPERM (SO_PASSRIGHTS, Linux 6.16). Returns whether it does.
 * Without it, the functions below bound the wait.
 */
bool passed_fds_refuse(int fd);

/* Microseconds until the first signal: about what serving a client costs. The following interval is
 * longer: if the handler is slow (under valgrind, for example), a shorter one would call it again
 * before it has returned, and the program would make no progress. */
#define PASSED_FDS_MOMENT UINT64_C(250)
#define PASSED_FDS_AGAIN UINT64_C(2000)

/*
 * Between these two calls, SIGALRM with an empty handler interrupts the process AFTER microseconds,
 * and then every PASSED_FDS_AGAIN. So no wait for a passed descriptor lasts longer.
 */
void passed_fds_guard(uint64_t after);
void passed_fds_unguard(void);

/* fd_close() and a non-blocking recv(2) for a socket whose peer may have passed descriptors. */
void passed_fds_close(int *fd);
ssize_t passed_fds_receive(int fd, void *buf, size_t size);

/*
 * Closes every descriptor from FIRST on except the COUNT in KEEP (at most 4, in any order, possibly
 * -1), whatever is queued in them. Returns 0 or -errno (close_range(2)).
 */
int passed_fds_close_from(int first, const int *keep, size_t count);

#endif
