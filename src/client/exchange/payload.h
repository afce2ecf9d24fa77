/*
 * The data to send and, with --verify, to compare with the replies.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_PAYLOAD_H
#define ECHOD_CLIENT_EXCHANGE_PAYLOAD_H

#include "client/io/byte_queue.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Begins as all zero but .keep. */
struct payload {
    struct byte_queue bytes; /* those in flight, followed by those not sent yet */
    size_t in_flight;        /* bytes sent, but not yet returned; 0 unless .keep */
    bool keep;
    uint64_t sent; /* bytes that the kernel has accepted */
};

/* The number of bytes waiting to be sent. */
size_t payload_unsent(const struct payload *o);

/* Whether more input should be read; this bounds the memory. */
bool payload_wants_more(const struct payload *o);

/* Appends TEXT and, with NEWLINE, a newline. Returns 0 or -ENOMEM. */
int payload_add(struct payload *o, const char *text, bool newline);

/* One read(2) of FD. Returns the number of bytes added, 0 at the end, or -errno. */
ssize_t payload_read(struct payload *o, int fd);

/* One send(2) of unsent bytes to SOCK. Returns the number of bytes accepted, or -errno. */
ssize_t payload_send(struct payload *o, int sock);

/*
 * Compares the LEN bytes received at DATA with those in flight, and drops those that match. Returns
 * LEN or the index of the first difference; *EXPECTED is then the byte that should have arrived, or
 * -1 if none was in flight.
 */
size_t payload_match(struct payload *o, const char *data, size_t len, int *expected);

void payload_free(struct payload *o);

#endif
