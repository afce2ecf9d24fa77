/*
 * Options of listening sockets that accepted ones inherit, or that a datagram socket is used with.
 */
#ifndef ECHOD_NET_SOCKOPTS_H
#define ECHOD_NET_SOCKOPTS_H

#include <stdint.h>

/*
 * Undoes what whoever opened the socket FD may have set, and what would keep a client from being
 * served: lingering, time limits, corking, flags, buffers smaller than usual. Larger buffers stay:
 * the administrator may have chosen them for a socket unit.
 */
void sockopts_reset(int fd);

/*
 * Has the kernel probe the peers of the TCP socket FD, or of those that it accepts, so that one
 * that has vanished is noticed USEC microseconds after it was last heard; 0: never. Where the
 * system's own times (net.ipv4.tcp_keepalive_*) are shorter, they are used. Does nothing for other
 * sockets.
 */
void sockopts_keepalive(int fd, uint64_t usec);

#endif
