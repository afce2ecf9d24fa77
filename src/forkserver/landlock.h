/*
 * Landlock (landlock(7)): rules for the process itself and all that it forks, which nothing takes
 * back.
 */
#ifndef ECHOD_FORKSERVER_LANDLOCK_H
#define ECHOD_FORKSERVER_LANDLOCK_H

/*
 * Forbids every use of files and of TCP ports, and signals to others, as far as this kernel's
 * Landlock knows them. no_new_privs has to be set. Returns the version of its interface
 * (ABI), or -errno: -ENOSYS or -EOPNOTSUPP where the kernel has none.
 */
int landlock_forbid_all(void);

#endif
