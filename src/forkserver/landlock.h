/*
 * Landlock (landlock(7)): rules for the process and its descendants, which cannot be undone.
 */
#ifndef ECHOD_FORKSERVER_LANDLOCK_H
#define ECHOD_FORKSERVER_LANDLOCK_H

/*
 * Forbids access to files, TCP ports, and signals to other processes, as far as this kernel's
 * Landlock supports it. no_new_privs must be set. Returns the version of its interface (ABI), or
 * -errno: -ENOSYS or -EOPNOTSUPP if the kernel has no Landlock.
 */
int landlock_forbid_all(void);

#endif
