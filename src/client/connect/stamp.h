/*
 * Kernel timestamps of sent and received data, which exclude scheduling delays.
 */
#ifndef ECHOD_CLIENT_CONNECT_STAMP_H
#define ECHOD_CLIENT_CONNECT_STAMP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Differences up to this, in nanoseconds, are not reported, because a wakeup can take as long. */
#define STAMP_NOISE UINT64_C(1000000)

/* Makes the kernel timestamp data that arrives at FD from now on (SO_TIMESTAMPING, software). If it
 * cannot, as for Unix sockets, only the time of reading is known. */
void stamp_enable(int fd);

/* The same, and timestamps datagrams that leave the UDP socket FD: the timestamp of each, numbered
 * from 0, arrives in the error queue (error_queue.h), which must be emptied. Each call restarts the
 * numbers. */
void stamp_enable_departures(int fd);

/* The timestamp that came with MESSAGE, in nanoseconds of clock_nanoseconds(); 0: none. */
uint64_t stamp_of(struct msghdr *message);

/* recv(2) without waiting. *ARRIVED becomes the time at which the last of the data arrived, in
 * nanoseconds of clock_nanoseconds(); it is unchanged if there is no timestamp. */
ssize_t stamp_recv(int fd, void *buf, size_t len, uint64_t *arrived);

#endif
