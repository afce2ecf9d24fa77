/*
 * Round trips over one connection or datagram socket: probes go out, and what comes back is cut
 * into replies, compared with what was sent, and named.
 */
#ifndef ECHOD_CLIENT_PROBE_PROBE_STREAM_H
#define ECHOD_CLIENT_PROBE_PROBE_STREAM_H

#include "client/connect/error_queue.h"
#include "client/io/byte_queue.h"
#include "client/probe/probe.h"
#include "client/probe/probe_window.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict {
    REPLY_INTACT,
    REPLY_LATE,      /* intact, but given up before */
    REPLY_REORDERED, /* intact, but behind a later one */
    REPLY_DUPLICATE, /* intact, but there was an answer before */
    REPLY_TRUNCATED, /* only its beginning: .len bytes */
    REPLY_CORRUPTED, /* .got in place of .expected at .at; longer than it was: .expected -1 */
    REPLY_STRAY,     /* .len bytes that are no reply at all: a greeting, another service */
    REPLY_VERDICTS,
};

/* Something that came back. */
struct reply {
    enum verdict verdict;
    uint32_t seq;     /* of all but strays */
    uint32_t size;    /* of the probe */
    uint64_t time;    /* nanoseconds from its departure to its arrival (stamp.h); 0 for strays */
    uint64_t seen;    /* nanoseconds from when this process sent until it looked */
    bool again;       /* there was an answer to it before */
    const void *data; /* what came, valid during the call */
    size_t len;
    size_t at;
    int expected, got; /* bytes */
};

struct probe_stream {
    int fd;   /* connected and non-blocking; the caller's */
    int type; /* of the socket: SOCK_STREAM, whose replies are cut apart, or with packets */
    uint32_t run;
    struct probe_window *window; /* the caller's; may outlive the connection */
    bool stamped;                /* what arrives is */
    bool queues;    /* has a queue of errors, for what leaves is stamped, too: over UDP */
    uint32_t first; /* the probe that the kernel gave the number 0, as it left */
    struct queued_error reported; /* of a datagram socket, not taken yet; .error 0: nothing */
    uint64_t arrived;             /* what was received last, nanoseconds */
    int end;    /* of a connection, once there is one: what probe_stream_receive() returns */
    int broken; /* -errno of a connection, as send(2) has reported it; or 0 */
    struct byte_queue out,
        in; /* of a stream: what the kernel has not taken, what is no reply yet */
    /* Called for all that comes. */
    void (*take)(void *context, const struct reply *reply);
    void *context;
};

/* A number for this run of the program. */
uint32_t probe_run(void);

/*
 * Sends a probe of SIZE bytes, or as much of it as the kernel takes: the rest is sent by
 * probe_stream_flush(), as long as probe_stream_pending(). Returns 0 or -errno.
 */
int probe_stream_send(struct probe_stream *t, uint32_t size);
int probe_stream_flush(struct probe_stream *t);
bool probe_stream_pending(const struct probe_stream *t);

/*
 * Receives what is there, or a part of it if it is much, and has it taken. Returns 0; 1 where the
 * server has closed; or -errno.
 */
int probe_stream_receive(struct probe_stream *t);

/* Takes what the network, or our own system, reported about datagrams: as error_queue_drain().
 * Until then probe_stream_send() and probe_stream_receive() return it. */
bool probe_stream_take_error(struct probe_stream *t, struct queued_error *e);

/*
 * Judges what has come of a stream, though it may be only a part: because nothing follows, be it
 * that the time is over or that the connection is.
 */
void probe_stream_conclude(struct probe_stream *t);

/*
 * Sends one probe of SIZE bytes and waits for its answer, whatever the verdict on that: TIMEOUT
 * microseconds (0: for ever), unless WAKE (-1: none) can be read before. Returns 0, -ETIMEDOUT,
 * -ECANCELED, -EPIPE where the server has closed, or another -errno.
 */
int probe_stream_ask(struct probe_stream *t, uint32_t size, uint64_t timeout, int wake);

/* Waits anew for that answer, after -ECANCELED. */
int probe_stream_ask_on(struct probe_stream *t, uint64_t timeout, int wake);

void probe_stream_free(struct probe_stream *t);

#endif
