/*
 * The listeners that the service manager keeps for the daemon (FileDescriptorStoreMax=), so that a
 * restart refuses nobody: connections wait in them until the next daemon gets them passed.
 */
#ifndef ECHOD_DAEMON_PROCESS_FD_STORE_H
#define ECHOD_DAEMON_PROCESS_FD_STORE_H

#include <stdbool.h>

/* Gives it FD, of the listener NAME. Returns whether that is done with, as it is without a manager.
 */
bool fd_store_keep(const char *name, int fd);

/* Takes those of the listener NAME back from it. */
void fd_store_forget(const char *name);

/* Waits, a second at most, until the manager has done what it was told. */
void fd_store_wait(void);

/* The name of the listener, if FD_NAME, of a passed socket, is that of a kept one; else NULL. */
const char *fd_store_name(const char *fd_name);

#endif
