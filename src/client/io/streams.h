/*
 * Gives the program the same standard streams, signals and limits, whatever it inherits.
 */
#ifndef ECHOD_CLIENT_IO_STREAMS_H
#define ECHOD_CLIENT_IO_STREAMS_H

#include <stdio.h>

struct streams {
    FILE *replaced; /* the C library's stdout */
    int error;      /* -errno of the first write to standard output that failed; or 0 */
};

/*
 * Occupies the numbers of closed standard descriptors with descriptors that fail as closed ones do;
 * makes stdout write everything even if the descriptor is non-blocking; unblocks all signals, and
 * ignores SIGPIPE and SIGXFSZ so that write(2) returns the error; raises the soft limits of
 * descriptors and stack if they are too low. Must be called first. STREAMS must remain valid until
 * streams_close(). Returns 0 or -errno.
 */
int streams_open(struct streams *streams);

/*
 * Flushes stdout. Returns STATUS, or FAILED if standard output could not be written, which is
 * reported unless the reader is gone (-EPIPE).
 */
int streams_close(struct streams *streams, int status, int failed);

#endif
