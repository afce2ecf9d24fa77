/*
 * The client's connection as a worker uses it: whole sends, timeouts, counted bytes.
 */
#ifndef ECHOD_SERVICE_STREAM_H
#define ECHOD_SERVICE_STREAM_H

#include "ipc/slot.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The idle time is over. No error of a socket, as -ETIMEDOUT is: that means a peer that vanished.
 */
#define STREAM_IDLE (-ENODATA)

struct stream {
    int fd;
    struct slot *slot;
    bool packets;                       /* SOCK_SEQPACKET: the kernel keeps what was sent apart */
    bool unfinished;                    /* set by the service: the next receive is to complete what
                                           it has a part of, so the slot stays busy meanwhile */
    uint64_t idle;                      /* microseconds without a byte until STREAM_IDLE; 0: none */
    uint64_t deadline;                  /* clock_now() of -ETIME; 0: none */
    uint64_t receive_limit, send_limit; /* what the kernel was told last */
    const volatile sig_atomic_t *cut;   /* set once we have shut down the receiving side ourselves;
                                           NULL: we never do */
    uint64_t guarded; /* with so many more bytes descriptors may come, and make a receive wait */
};

/* From here on SLOT is busy, until stream_receive() waits with nothing unfinished. */
void stream_init(struct stream *stream, int fd, struct slot *slot, uint64_t idle, uint64_t session);

/*
 * Receives up to SIZE bytes into BUF; PAUSE microseconds of silence (0: none) are -EAGAIN.
 * A packet comes whole, or is -EMSGSIZE where it is longer than SIZE; an empty one cannot be told
 * from the end (unix(7)).
 * Returns the count, 0 at the end of what the client sends, -ESHUTDOWN where we cut that off
 * (CUT), -EAGAIN, STREAM_IDLE, -ETIME at the end of the session, or another -errno.
 */
ssize_t stream_receive(struct stream *stream, void *buf, size_t size, uint64_t pause);

/* Sends all LEN bytes at DATA, waiting for a client that reads slowly. Returns 0 or an error as
 * stream_receive() does. */
int stream_send(struct stream *stream, const void *data, size_t len);

/*
 * Sends of the LEN bytes at DATA what the client takes now, and waits until that is one at least;
 * what the client sends meanwhile is read and thrown away. A client that does not read is idle, and
 * never blocks us, however much it sends.
 * Returns as stream_receive() does.
 */
ssize_t stream_pour(struct stream *stream, const void *data, size_t len);

/* Sends of the LEN bytes at DATA what the client takes at once, even if its time is over. */
void stream_send_final(struct stream *stream, const void *data, size_t len);

/*
 * Closes our side while the client may still be sending, so that it gets all we sent: a close(2)
 * with bytes unread would reset the connection (RFC 1122, 4.2.2.13). Takes two seconds at most.
 */
void stream_linger(struct stream *stream);

#endif
