/*
 * Replies that are written to standard output, escaped if it is a terminal.
 */
#ifndef ECHOD_CLIENT_IO_DISPLAY_H
#define ECHOD_CLIENT_IO_DISPLAY_H

#include "client/io/byte_queue.h"

#include <stdbool.h>

/* Initialise .fd, .escape and .json; the rest is zero. */
struct display {
    int fd;
    bool escape;            /* show control bytes and invalid UTF-8 as \xNN */
    bool json;              /* the same, with each piece in a JSON object */
    struct byte_queue held; /* an incomplete UTF-8 sequence */
    struct byte_queue text; /* to be written */
};

/* Queues the LEN bytes at DATA. Returns 0 or -ENOMEM. */
int display_take(struct display *d, const char *data, size_t len);

/* Ends the input: queues an incomplete UTF-8 sequence as it is. Returns 0 or -ENOMEM. */
int display_end(struct display *d);

/* Whether there is anything to write. */
bool display_pending(const struct display *d);

/*
 * One write(2), after poll(2) has reported that there is room. Does not block then, even if the
 * descriptor is a blocking pipe. Returns 0 or -errno.
 */
int display_write(struct display *d);

/* Writes everything, however long that takes. Returns 0 or -errno. */
int display_write_all(struct display *d);

/* Frees the memory; output that was not written is lost. */
void display_free(struct display *d);

#endif
