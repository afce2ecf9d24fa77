/*
 * Timestamps of the kernel for sent and received data, which do not include scheduling delays.
 */
#ifndef ECHOD_CLIENT_CONNECT_STAMP_H
#define ECHOD_CLIENT_CONNECT_STAMP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Differences up to this, in nanoseconds, are not reported, because waking up takes as long. */
#define STAMP_NOISE UINT64_C(1000000)

/* Has the kernel stamp what arrives at FD from now on (SO_TIMESTAMPING, software). Where it cannot,
 * as for Unix sockets, the time of looking is all there is. */
void stamp_enable(int fd);

/* The same, and what leaves the UDP socket FD: of each datagram, numbered from 0 on, a stamp comes
 * to the error queue (error_queue.h), which has to be emptied. Numbers begin anew with each call.
 */
void stamp_enable_departures(int fd);

/* The stamp that came with MESSAGE, in nanoseconds of clock_nanoseconds(); 0: there is none. */
uint64_t stamp_of(struct msghdr *message);

/* recv(2) without waiting. *ARRIVED becomes the time at which the last of the data arrived, in
 * nanoseconds of clock_nanoseconds(); where there is none, it stays. */
ssize_t stamp_recv(int fd, void *buf, size_t len, uint64_t *arrived);

#endif
