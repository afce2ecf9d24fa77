/*
 * The file of a Unix socket, identified by its inode: while the socket is open, no other file gets
 * its inode.
 */
#ifndef ECHOD_NET_SOCKET_FILE_H
#define ECHOD_NET_SOCKET_FILE_H

#include "net/address.h"

#include <sys/stat.h>

struct socket_file {
    dev_t device;
    ino_t inode; /* 0: none, or unknown */
};

/* The file at the path ADDRESS; none for addresses that are not paths. */
struct socket_file socket_file_at(const struct address *address);

/*
 * Whether FILE, of a socket bound to ADDRESS, still exists there; if FILE is unknown, whether any
 * socket does. True for addresses that are not paths.
 */
bool socket_file_stands(const struct socket_file *file, const struct address *address);

/*
 * Locks the path ADDRESS against other servers that create or replace its socket file. Returns a
 * descriptor for socket_file_unlock(); -EADDRINUSE while another process has the lock; -EEXIST if
 * another file has the name of the lock; or another -errno if no file can be created there.
 */
int socket_file_lock(const struct address *address);
void socket_file_unlock(const struct address *address, int *lock);

/*
 * With the lock held: removes the socket file at the path ADDRESS if nobody listens on it. Returns
 * whether it did.
 */
bool socket_file_remove_stale(const struct address *address);

/* Whether something other than a socket is at the path ADDRESS. */
bool socket_file_is_obstructed(const struct address *address);

/* Removes FILE from the path ADDRESS, if it is known and still there. */
void socket_file_remove(const struct socket_file *file, const struct address *address);

#endif
