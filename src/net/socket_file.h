/*
 * The file of a Unix socket, told from any other that may stand at its path by now. While the
 * socket is open, no other file gets its inode.
 */
#ifndef ECHOD_NET_SOCKET_FILE_H
#define ECHOD_NET_SOCKET_FILE_H

#include "net/address.h"

#include <sys/stat.h>

struct socket_file {
    dev_t device;
    ino_t inode; /* 0: there is none, or it is not known */
};

/* The one that stands at the path ADDRESS now; none for addresses that are no path. */
struct socket_file socket_file_at(const struct address *address);

/*
 * Whether FILE, of a socket that is bound to ADDRESS, still stands there; if it is not known,
 * whether any socket does. Of an address that is no path: true.
 */
bool socket_file_stands(const struct socket_file *file, const struct address *address);

/*
 * Keeps all others who ask for it from making, or replacing, a socket's file at the path ADDRESS.
 * Returns a descriptor for socket_file_unlock(), -EADDRINUSE while somebody else has it, -EEXIST
 * where the lock's name is that of another file, or why nobody could make a file there, -errno.
 */
int socket_file_lock(const struct address *address);
void socket_file_unlock(const struct address *address, int *lock);

/*
 * Under that lock: removes the file at the path ADDRESS of a socket that nobody listens on.
 * Returns whether it did.
 */
bool socket_file_remove_stale(const struct address *address);

/* Removes FILE from the path ADDRESS, if it is known, and stands there. */
void socket_file_remove(const struct socket_file *file, const struct address *address);

#endif
