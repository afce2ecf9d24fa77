/*
 * Sends datagrams of several sizes at once, with DF set, to find out which come back.
 */
#ifndef ECHOD_CLIENT_FLOWS_DATAGRAM_PROBE_H
#define ECHOD_CLIENT_FLOWS_DATAGRAM_PROBE_H

#include "client/command/common_options.h"
#include "client/connect/error_queue.h"
#include "client/probe/probe_stream.h"
#include "client/probe/probe_window.h"

#include <stdbool.h>
#include <stdint.h>

/* The most sizes at once. */
#define DATAGRAM_SIZES_MAX 8

struct datagram_probe {
    struct probe_stream stream;
    struct probe_window window;
    int interrupts;             /* interrupts_open(), or -1 */
    uint64_t patience;          /* how long to wait for an answer, microseconds */
    struct queued_error queued; /* the last error; .error 0: none */
    uint32_t sizes[DATAGRAM_SIZES_MAX];
    bool passed[DATAGRAM_SIZES_MAX];
    size_t count;
    uint64_t rtt;                          /* of the last answer, nanoseconds */
    uint32_t truncated_from, truncated_to; /* the last answer that was truncated; 0: none was */
};

/* Opens a socket to ADDRESS. Returns 0 or -errno. */
int datagram_probe_open(struct datagram_probe *d, const struct common_options *c,
                        const struct address *address, int interrupts);
void datagram_probe_close(struct datagram_probe *d);

/* Sends a datagram of each of d->sizes up to COPIES times, until it comes back, and sets d->passed.
 * Returns 0, -ECANCELED, or another -errno that this machine or the network reported; d->queued has
 * the details. A router's EMSGSIZE is stored there, too, but does not count as an error. */
int datagram_probe_round(struct datagram_probe *d, unsigned copies);

/* The same for one SIZE. Returns 0 if the datagram came back, -EMSGSIZE if it is too large,
 * -ETIMEDOUT if it was lost, or as above. */
int datagram_probe_size(struct datagram_probe *d, uint32_t size, unsigned copies);

#endif
