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
    struct byte_queue bytes; /* those in flight, then those that are still to be sent */
    size_t in_flight;        /* sent, but not yet come back; stays 0 unless they are kept */
    bool keep;
    uint64_t sent; /* bytes the kernel has taken */
};

/* How many bytes are waiting to be sent. */
size_t payload_unsent(const struct payload *o);

/* Whether more should be read: memory stays bounded by this. */
bool payload_wants_more(const struct payload *o);

/* Appends TEXT and, with NEWLINE, a newline. Returns 0 or -ENOMEM. */
int payload_add(struct payload *o, const char *text, bool newline);

/* One read(2) of FD. Returns how many bytes were added, 0 at the end, or -errno. */
ssize_t payload_read(struct payload *o, int fd);

/* One send(2) to SOCK of what is unsent. Returns how many bytes it took, or -errno. */
ssize_t payload_send(struct payload *o, int sock);

/*
 * Compares the LEN bytes at DATA, which came back, with those in flight and forgets those that
 * agree. Returns LEN or the index of the first difference; *EXPECTED is then the byte that
 * should have come, or -1 where none was in flight.
 */
size_t payload_match(struct payload *o, const char *data, size_t len, int *expected);

void payload_free(struct payload *o);

#endif
