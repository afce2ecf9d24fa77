/*
 * Datagrams of several sizes at once, with DF set: which come back, and how.
 */
#ifndef ECHOD_CLIENT_FLOWS_DATAGRAM_PROBE_H
#define ECHOD_CLIENT_FLOWS_DATAGRAM_PROBE_H

#include "client/command/common_options.h"
#include "client/connect/error_queue.h"
#include "client/probe/probe_stream.h"
#include "client/probe/probe_window.h"

#include <stdbool.h>
#include <stdint.h>

/* How many sizes at once. */
#define DATAGRAM_SIZES_MAX 8

struct datagram_probe {
    struct probe_stream stream;
    struct probe_window window;
    int interrupts;             /* wakes it; -1: nothing does */
    uint64_t patience;          /* microseconds that an answer may take */
    struct queued_error queued; /* the last error; .error 0: none */
    uint32_t sizes[DATAGRAM_SIZES_MAX];
    bool passed[DATAGRAM_SIZES_MAX];
    size_t count;
    uint64_t rtt;                          /* of the last answer, nanoseconds */
    uint32_t truncated_from, truncated_to; /* the last one that came back shorter; 0: none did */
};

/* Opens a socket to ADDRESS. Returns 0 or -errno. */
int datagram_probe_open(struct datagram_probe *d, const struct common_options *c,
                        const struct address *address, int interrupts);
void datagram_probe_close(struct datagram_probe *d);

/* Sends each of d->sizes up to COPIES times, until it comes back: d->passed. Returns 0, or
 * -ECANCELED, or -errno of what our own system or the network reported, which is in d->queued. That
 * a router reports EMSGSIZE is there, too, but no error. */
int datagram_probe_round(struct datagram_probe *d, unsigned copies);

/* The same of one SIZE. Returns 0 if it came back, -EMSGSIZE if it is too large, -ETIMEDOUT if it
 * is lost, or as above. */
int datagram_probe_size(struct datagram_probe *d, uint32_t size, unsigned copies);

#endif
