/*
 * The FD store of the service manager (FileDescriptorStoreMax=), which keeps the listeners over a
 * restart, so that it refuses nobody: connections wait in them until the next daemon inherits them.
 */
#ifndef ECHOD_DAEMON_PROCESS_FD_STORE_H
#define ECHOD_DAEMON_PROCESS_FD_STORE_H

#include <stdbool.h>

/* Stores FD, of the listener NAME. Returns whether that is done; without a manager it is. */
bool fd_store_keep(const char *name, int fd);

/* Removes those of the listener NAME from the store. */
void fd_store_forget(const char *name);

/* Waits, a second at most, until the manager has processed this. */
void fd_store_wait(void);

/* The name of the listener if FD_NAME, of a passed socket, is from the store; else NULL. */
const char *fd_store_name(const char *fd_name);

#endif
