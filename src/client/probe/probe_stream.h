/*
 * Round trips over one connection or datagram socket: sends probes, splits the data that come back
 * into replies, and compares them with what was sent.
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
    REPLY_LATE,      /* intact, but after the probe was given up */
    REPLY_REORDERED, /* intact, but after the reply to a later probe */
    REPLY_DUPLICATE, /* intact, but not the first reply to the probe */
    REPLY_TRUNCATED, /* only the first .len bytes of the probe */
    REPLY_CORRUPTED, /* .got in place of .expected at .at; .expected -1: longer than the probe */
    REPLY_STRAY,     /* .len bytes that are no reply: a greeting, another service */
    REPLY_VERDICTS,
};

/* Something that came back. */
struct reply {
    enum verdict verdict;
    uint32_t seq;  /* of the probe; not set for strays */
    uint32_t size; /* of the probe */
    uint64_t time; /* nanoseconds from departure to arrival (stamp.h); 0 for strays */
    uint64_t seen; /* nanoseconds from when this process sent the probe until it read the reply */
    bool again;    /* the probe had a reply before */
    const void *data; /* the bytes received, valid during the call */
    size_t len;
    size_t at;
    int expected, got; /* bytes */
};

struct probe_stream {
    int fd;   /* connected and non-blocking; the caller closes it */
    int type; /* of the socket: only SOCK_STREAM has no message boundaries */
    uint32_t run;
    struct probe_window *window; /* the caller frees it; may outlive the connection */
    bool stamped;                /* arriving data have timestamps */
    bool queues;    /* UDP: has an error queue, and datagrams that leave have timestamps, too */
    uint32_t first; /* the probe to which the kernel's departure number 0 belongs */
    struct queued_error reported; /* of a datagram socket, not taken yet; .error 0: nothing */
    uint64_t arrived;             /* when the last data arrived, nanoseconds */
    int end;    /* once the connection has ended: what probe_stream_receive() returns */
    int broken; /* -errno that send(2) reported for the connection; 0: none */
    struct byte_queue out, in; /* of a stream: bytes not sent yet, bytes of an incomplete reply */
    /* Called for each reply. */
    void (*take)(void *context, const struct reply *reply);
    void *context;
};

/* Returns a number that identifies this run of the program. */
uint32_t probe_run(void);

/*
 * Sends a probe of SIZE bytes, or as much of it as the kernel accepts. probe_stream_flush() sends
 * the rest; probe_stream_pending() tells whether there is any. Return 0 or -errno.
 */
int probe_stream_send(struct probe_stream *t, uint32_t size);
int probe_stream_flush(struct probe_stream *t);
bool probe_stream_pending(const struct probe_stream *t);

/*
 * Receives available data, or a bounded part of it, and calls .take for each reply. Returns 0, 1 if
 * the server has closed, or -errno.
 */
int probe_stream_receive(struct probe_stream *t);

/* Takes an error that the network or this machine reported about datagrams, as error_queue_drain().
 * Until then, probe_stream_send() and probe_stream_receive() return it. */
bool probe_stream_take_error(struct probe_stream *t, struct queued_error *e);

/*
 * Evaluates an incomplete reply of a stream as it is, because nothing will follow: the time is up,
 * or the connection has ended.
 */
void probe_stream_conclude(struct probe_stream *t);

/*
 * Sends one probe of SIZE bytes and waits for its answer, whatever the verdict: for TIMEOUT
 * microseconds (0: no limit), or until the descriptor WAKE (-1: none) is readable. Returns 0,
 * -ETIMEDOUT, -ECANCELED (WAKE), -EPIPE if the server has closed, or another -errno.
 */
int probe_stream_ask(struct probe_stream *t, uint32_t size, uint64_t timeout, int wake);

/* Continues to wait for that answer, after -ECANCELED. */
int probe_stream_ask_on(struct probe_stream *t, uint64_t timeout, int wake);

void probe_stream_free(struct probe_stream *t);

#endif
