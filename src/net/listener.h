/*
 * Listening sockets: opening and examining them.
 */
#ifndef ECHOD_NET_LISTENER_H
#define ECHOD_NET_LISTENER_H

#include "net/endpoint.h"

/* Added to a mode: the port is shared with other sockets of the same user that have this option
 * (SO_REUSEPORT, socket(7)); the kernel distributes connections. */
#define LISTENER_REUSE_PORT 01000
/* Added to a mode: only check that it can be bound. The socket does not listen, and for datagrams
 * of a shared port it is bound elsewhere: otherwise it would receive connections or datagrams that
 * belong to others. */
#define LISTENER_TRIAL 02000

/*
 * Opens a socket of TYPE (SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM) that listens on ADDRESS, or that
 * datagrams come to: close-on-exec, non-blocking; IPv6 without IPv4. For a path, MODE sets the
 * permission bits of the file; the file of a server that is gone is replaced, that of a living one
 * is not. For an IP address, it is 0, but for the above.
 * Returns the descriptor, or -errno with a sentence in REASON (NET_REASON_MAX bytes);
 * -EPROTONOSUPPORT where the machine has no IPv6.
 */
int listener_open(const struct address *address, int type, unsigned mode, char *reason);

/* The properties of a socket, whoever opened it. */
struct socket_facts {
    struct address address; /* that it is bound to */
    int type;               /* -1: it cannot be a listener: no socket, or neither UDP nor Unix */
    bool listens;           /* or receives datagrams from any sender */
    bool connected;         /* it has a peer */
    bool dual;              /* it accepts IPv4 as well as IPv6, on all addresses */
};
struct socket_facts listener_examine(int fd);

/*
 * Whether a socket of these FACTS is one of TYPE that listens on ADDRESS, or one that listens on
 * [::] for IPv4, too, and so covers the ADDRESS 0.0.0.0 of the same port.
 */
bool listener_serves(const struct socket_facts *facts, const struct address *address, int type);

/* The type of the socket FD; -1 for what can be no listener: no socket, or datagrams that are
 * neither UDP's nor a Unix socket's. */
int listener_type(int fd);

/* How many datagrams the kernel has dropped because FD was full. */
uint64_t listener_overflow(int fd);

/* Gives FD, a listener that another program opened, the properties of our own. Returns 0, or -errno
 * if it stays blocking. */
int listener_adopt(int fd);

/* Makes FD, which somebody else opened, as LISTENER_REUSE_PORT would have; whoever shares the port
 * then has to be of the user who opened it. Returns 0 or -errno. */
int listener_share(int fd);

/* Whether connections that FD accepts keep their SYN (TCP_SAVED_SYN), of which whoami reports. What
 * is no TCP listener is left as it is. */
void listener_save_syn(int fd, bool on);

#endif
