/*
 * Messages in a stream: each ends with LF, CR LF, or the end of the stream.
 */
#ifndef ECHOD_SERVICE_FRAMING_H
#define ECHOD_SERVICE_FRAMING_H

#include <stddef.h>

/* Room for the CR LF after the longest message. */
#define FRAMING_EXTRA 2

struct framing {
    char *buf;   /* of MAX + FRAMING_EXTRA bytes; not owned */
    size_t max;  /* the longest message in bytes, its end not counted */
    size_t used; /* bytes in the buffer */
    size_t next; /* where the next message begins */
};

struct message {
    const char *data; /* in the buffer, until the next call */
    size_t len;
};

/* Where to put the next bytes: at least one fits unless framing_next() has returned -EMSGSIZE. Call
 * framing_filled() with the number of bytes. */
char *framing_room(struct framing *framing, size_t *size);
void framing_filled(struct framing *framing, size_t count);

/* Takes the next complete message. Returns 1, 0 if more bytes are needed, or -EMSGSIZE if it is
 * longer than MAX. */
int framing_next(struct framing *framing, struct message *message);

/* Takes what is left, ended or not, as the last message. Returns 1, or 0 if nothing is left. */
int framing_rest(struct framing *framing, struct message *message);

/* Makes a message of the LEN bytes at DATA, a datagram or packet: a newline at the end is removed,
 * any other is part of the message. Returns 0, or -EMSGSIZE if it is longer than MAX. */
int framing_whole(const char *data, size_t len, size_t max, struct message *message);

#endif
