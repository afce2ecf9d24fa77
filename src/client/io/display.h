/*
 * Replies on their way to standard output, made safe where that is a terminal.
 */
#ifndef ECHOD_CLIENT_IO_DISPLAY_H
#define ECHOD_CLIENT_IO_DISPLAY_H

#include "client/io/byte_queue.h"

#include <stdbool.h>

/* Begins as all zero but .fd and .escape. */
struct display {
    int fd;
    bool escape;            /* show control bytes and what is no UTF-8 as \xNN */
    bool json;              /* the same, and put each piece into an object */
    struct byte_queue held; /* the beginning of a UTF-8 sequence whose rest has not come yet */
    struct byte_queue text; /* what is to be written */
};

/* Takes a copy of the LEN bytes at DATA. Returns 0 or -ENOMEM. */
int display_take(struct display *d, const char *data, size_t len);

/* No more will be taken: what was held back is shown as it is. Returns 0 or -ENOMEM. */
int display_end(struct display *d);

/* Whether something is to be written. */
bool display_pending(const struct display *d);

/*
 * One write(2), once poll(2) says that there is room; never blocks then, not even where the
 * descriptor is a blocking pipe. Returns 0 or -errno.
 */
int display_write(struct display *d);

/* Writes all of it, however long that takes. Returns 0 or -errno. */
int display_write_all(struct display *d);

/* Drops what was not written. */
void display_free(struct display *d);

#endif
