/*
 * Standard streams, signals and limits: the same for whatever started the program.
 */
#ifndef ECHOD_CLIENT_IO_STREAMS_H
#define ECHOD_CLIENT_IO_STREAMS_H

#include <stdio.h>

struct streams {
    FILE *replaced; /* the C library's stdout */
    int error;      /* -errno of the first write to standard output that failed; or 0 */
};

/*
 * Makes closed standard descriptors fail like closed ones, though their numbers are taken; makes
 * stdout write everything even if the descriptor is non-blocking; unblocks all signals, and ignores
 * SIGPIPE and SIGXFSZ, so that write(2) returns the error; raises soft limits of descriptors and of
 * the stack that are less than the program needs. To be called first. STREAMS must stay until
 * streams_close(). Returns 0 or -errno.
 */
int streams_open(struct streams *streams);

/*
 * Writes what stdout still holds. Returns STATUS; or FAILED if standard output could not be
 * written: that is reported, unless nobody reads it any more (-EPIPE).
 */
int streams_close(struct streams *streams, int status, int failed);

#endif
