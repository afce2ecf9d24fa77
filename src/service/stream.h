/*
 * The client's connection as a service uses it: complete sends, timeouts, byte counts.
 */
#ifndef ECHOD_SERVICE_STREAM_H
#define ECHOD_SERVICE_STREAM_H

#include "ipc/slot.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The idle timeout. Not -ETIMEDOUT, a socket error which means that the peer has vanished. */
#define STREAM_IDLE (-ENODATA)

struct stream {
    int fd;
    struct slot *slot;
    bool packets;                       /* SOCK_SEQPACKET: message boundaries are preserved */
    bool unfinished;                    /* set by the service: the next receive is to complete what
                                           it has a part of, so the slot stays busy meanwhile */
    uint64_t idle;                      /* microseconds without a byte until STREAM_IDLE; 0: none */
    uint64_t deadline;                  /* clock_now() at which -ETIME is returned; 0: none */
    uint64_t receive_limit, send_limit; /* the values that are set on the socket */
    const volatile sig_atomic_t *cut;   /* set once we have shut down the receiving side ourselves;
                                           NULL: we never do */
    uint64_t guarded; /* how many further bytes may carry passed descriptors, which can make
                         a receive block */
};

/* SLOT is busy from now on until stream_receive() waits with nothing unfinished. */
void stream_init(struct stream *stream, int fd, struct slot *slot, uint64_t idle, uint64_t session);

/*
 * Receives up to SIZE bytes into BUF; returns -EAGAIN after PAUSE microseconds of silence (0:
 * never). A packet longer than SIZE is -EMSGSIZE; an empty one cannot be distinguished from the end
 * (unix(7)). Returns the number of bytes, 0 at the end of the stream, -ESHUTDOWN if we have ended
 * it (CUT), -EAGAIN, STREAM_IDLE, -ETIME at the end of the session, or another -errno.
 */
ssize_t stream_receive(struct stream *stream, void *buf, size_t size, uint64_t pause);

/* Sends all LEN bytes at DATA, waiting for a client that reads slowly. Returns 0 or an error as
 * stream_receive(). */
int stream_send(struct stream *stream, const void *data, size_t len);

/*
 * Sends as much of the LEN bytes at DATA as the client takes, and waits until that is at least one
 * byte. Meanwhile, discards what the client sends, so that a client that sends without reading
 * becomes idle. Returns as stream_receive().
 */
ssize_t stream_pour(struct stream *stream, const void *data, size_t len);

/* Sends as much of the LEN bytes at DATA as the client takes without waiting, even after its time
 * limit.
 */
void stream_send_final(struct stream *stream, const void *data, size_t len);

/*
 * Ends our side of the connection, and discards what the client sends for up to two seconds. A
 * close(2) with unread bytes would reset the connection, and the client could lose what we have
 * sent (RFC 1122, 4.2.2.13).
 */
void stream_linger(struct stream *stream);

#endif
