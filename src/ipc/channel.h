/*
 * A channel between two of our processes: whole messages, with descriptors. Neither end ever waits:
 * the sender keeps what does not fit.
 */
#ifndef ECHOD_IPC_CHANNEL_H
#define ECHOD_IPC_CHANNEL_H

#include <stddef.h>
#include <sys/types.h>

/* Descriptors that one message can carry. */
#define CHANNEL_FDS 4

/* Makes a channel (SOCK_SEQPACKET); both ends are close-on-exec and non-blocking. Returns 0 or
 * -errno. */
int channel_open(int ends[2]);

/*
 * Sends the LEN bytes at DATA, with the COUNT descriptors FDS, which stay the caller's. Returns 0;
 * -EAGAIN: there is no room now; -EPIPE: the other end is closed; or another -errno.
 */
int channel_send(int fd, const void *data, size_t len, const int *fds, size_t count);

/*
 * Receives a message of at most SIZE bytes into BUF, and its descriptors into FDS (room for
 * CHANNEL_FDS), *COUNT of them, close-on-exec, which are the caller's.
 * Returns its length; 0: the other end is gone; -EAGAIN: there is none; -EPROTO: it was too long,
 * or had too many descriptors, and is lost; or another -errno.
 */
ssize_t channel_receive(int fd, void *buf, size_t size, int *fds, size_t *count);

#endif
