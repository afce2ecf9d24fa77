/*
 * Descriptors that the peer of a Unix socket passes along (unix(7), SCM_RIGHTS). Nobody here wants
 * any, and each is a trap: whoever discards it may be its last holder, and closing, say, a TCP
 * socket with SO_LINGER and unsent data waits for as long as the peer has chosen (socket(7)).
 */
#ifndef ECHOD_BASE_PASSED_FDS_H
#define ECHOD_BASE_PASSED_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Makes the kernel turn away (EPERM, for the sender) what is passed to the Unix socket FD, and to
 * those that a listening FD accepts: SO_PASSRIGHTS, Linux 6.16. Returns whether it does; elsewhere
 * the calls below bound the wait.
 */
bool passed_fds_refuse(int fd);

/* Microseconds that a trap may cost: about as much as serving the client that set it. The next ones
 * of the same message cost more: a handler that is itself slow (under valgrind, say) would be
 * called again before it has ended, and nothing would ever be done in between. */
#define PASSED_FDS_MOMENT UINT64_C(250)
#define PASSED_FDS_AGAIN UINT64_C(2000)

/*
 * Between the two, what the process does is interrupted AFTER microseconds and from then on each
 * PASSED_FDS_AGAIN (SIGALRM, to a handler that does nothing): no wait for a peer's descriptor lasts
 * longer.
 */
void passed_fds_guard(uint64_t after);
void passed_fds_unguard(void);

/* fd_close(), and recv(2) without waiting, of a socket whose peer may have passed something. */
void passed_fds_close(int *fd);
ssize_t passed_fds_receive(int fd, void *buf, size_t size);

/*
 * Closes every descriptor from FIRST on but the COUNT in KEEP (which may hold -1 and need not
 * be sorted; at most 4), whatever is in them. Returns 0 or -errno (close_range(2)).
 */
int passed_fds_close_from(int first, const int *keep, size_t count);

#endif
