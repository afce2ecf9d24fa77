/*
 * Listening sockets: opening and examining them.
 */
#ifndef ECHOD_NET_LISTENER_H
#define ECHOD_NET_LISTENER_H

#include "net/endpoint.h"

/* Added to a mode: the port is shared with other sockets of the same user that have this option
 * (SO_REUSEPORT, socket(7)); the kernel distributes connections. */
#define LISTENER_REUSE_PORT 01000
/* Added to a mode: only check that the address can be bound. The socket does not listen, and for a
 * shared datagram port it is bound elsewhere: otherwise it would receive connections or datagrams
 * of other processes. */
#define LISTENER_TRIAL 02000

/*
 * Opens a socket of TYPE (SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM) that listens on ADDRESS, or
 * receives datagrams there: close-on-exec, non-blocking, IPv6 without IPv4. For a path, MODE has
 * the permission bits of the file; the file of a dead server is replaced, that of a running one is
 * not. For an IP address, it only has the flags above. Returns the descriptor, or -errno with a
 * message in REASON (NET_REASON_MAX bytes); -EPROTONOSUPPORT if the machine has no IPv6.
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
 * Whether a socket with these FACTS is of TYPE and listens on ADDRESS, or is a dual-stack socket on
 * [::] and so covers the ADDRESS 0.0.0.0 with the same port.
 */
bool listener_serves(const struct socket_facts *facts, const struct address *address, int type);

/* Returns the type of the socket FD, or -1 if it cannot be a listener: it is not a socket, or a
 * datagram socket that is neither UDP nor Unix. */
int listener_type(int fd);

/* Returns how many datagrams the kernel has dropped because FD was full. */
uint64_t listener_overflow(int fd);

/* Gives FD, a listener that another program opened, the properties of our own. Returns 0, or -errno
 * if it stays blocking. */
int listener_adopt(int fd);

/* Sets SO_REUSEPORT on FD, as LISTENER_REUSE_PORT does. The port can then be shared only by
 * processes of the user that opened FD. Returns 0 or -errno. */
int listener_share(int fd);

/* Sets whether the kernel saves the SYN of connections that FD accepts (TCP_SAVE_SYN), for whoami.
 * No effect unless FD is a TCP listener. */
void listener_save_syn(int fd, bool on);

#endif
