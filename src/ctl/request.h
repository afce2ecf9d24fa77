/*
 * A request to the control socket, and the answer to it.
 */
#ifndef ECHOD_CTL_REQUEST_H
#define ECHOD_CTL_REQUEST_H

#include <stddef.h>

struct answer {
    char *text;  /* owned; after the line that says "ok" or "error" */
    char *error; /* points into the same memory; NULL: it is ok */
    char *memory;
};

/*
 * Sends REQUEST, a line without its newline, to the socket at PATH and reads the whole answer,
 * which may take as long as a reload does. Returns 0 or -errno; -EPROTO for what is no answer.
 */
int request_exchange(const char *path, const char *request, struct answer *answer);

/* Takes the text in answer->memory apart, as request_exchange() does. Returns 0 or -EPROTO. */
int answer_split(struct answer *answer);

void answer_free(struct answer *answer);

#endif
