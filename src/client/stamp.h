/*
 * When something arrived, by the kernel's clock and not by when this process got to look.
 */
#ifndef ECHOD_CLIENT_STAMP_H
#define ECHOD_CLIENT_STAMP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* By how much the two have to differ to be worth telling, nanoseconds: waking up takes less. */
#define STAMP_NOISE UINT64_C(1000000)

/* Has the kernel stamp what arrives at FD from now on (SO_TIMESTAMPING, software). Where it cannot,
 * as for Unix sockets, the time of looking is all there is. */
void stamp_enable(int fd);

/* recv(2) without waiting. *ARRIVED becomes the time at which the last of the data arrived, in
 * nanoseconds of clock_nanoseconds(); where there is none, it stays. */
ssize_t stamp_recv(int fd, void *buf, size_t len, uint64_t *arrived);

#endif
