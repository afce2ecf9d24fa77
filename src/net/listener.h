/*
 * Listening sockets: opened, or found among those that were passed to the process.
 */
#ifndef ECHOD_NET_LISTENER_H
#define ECHOD_NET_LISTENER_H

#include "net/endpoint.h"

/*
 * Opens a stream socket that listens on ADDRESS: close-on-exec, non-blocking; IPv6 without
 * IPv4. For a path, MODE sets the permission bits of the file; the file of a server that is gone
 * is replaced, that of a living one is not.
 * Returns the descriptor, or -errno with a sentence in REASON (NET_REASON_MAX bytes).
 */
int listener_open(const struct address *address, unsigned mode, char *reason);

/*
 * Whether FD is a stream socket that listens on ADDRESS, or one that listens on [::] for IPv4,
 * too, and so covers the ADDRESS 0.0.0.0 of the same port.
 */
bool listener_serves(int fd, const struct address *address);

/* Whether this machine (or network namespace) has IPv6 at all: ::1 can be bound. */
bool ipv6_works(void);

#endif
