/*
 * The filter of system calls (seccomp(2)): those of syscalls.h, and no others.
 */
#ifndef ECHOD_FORKSERVER_FILTER_H
#define ECHOD_FORKSERVER_FILTER_H

/*
 * Loads the filter: from now on, a call that is not on the list is not executed, and raises SIGSYS.
 * SLOT_PAGE is SYSCALL_SLOT_ADDRESS. In a build with RELAXED_SANDBOX, for sanitizers and the like,
 * there is no filter. Returns 0 or -errno: -EOPNOTSUPP in such a build.
 */
int filter_load(const void *slot_page);

#endif
