/*
 * Options of listening sockets, which accepted ones inherit, and of datagram sockets.
 */
#ifndef ECHOD_NET_SOCKOPTS_H
#define ECHOD_NET_SOCKOPTS_H

#include <stdint.h>

/*
 * Resets options that the opener of FD may have set, and that would affect clients: lingering,
 * timeouts, corking, flags, buffers smaller than usual. Larger buffers are kept, because the
 * administrator may have chosen them in a socket unit. Returns 0, or -errno if the flags cannot be
 * set: nothing has changed then.
 */
int sockopts_reset(int fd);

/*
 * Enables keepalive on the TCP socket FD, or on those that it accepts: a peer that has disappeared
 * is detected USEC microseconds after its last packet; 0: never. If the system's times
 * (net.ipv4.tcp_keepalive_*) are shorter, they are used. Does nothing for other sockets.
 */
void sockopts_keepalive(int fd, uint64_t usec);

#endif
