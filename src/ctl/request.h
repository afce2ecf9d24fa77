/*
 * A request to the control socket, and the reply.
 */
#ifndef ECHOD_CTL_REQUEST_H
#define ECHOD_CTL_REQUEST_H

#include <stddef.h>
#include <sys/socket.h>

/* The reply, escaped so that it is safe to print, in lines. */
struct answer {
    char *text;  /* owned; after the line that says "ok" or "error" */
    char *error; /* points into the same memory; NULL: it is ok */
    char *memory;
    struct ucred by; /* who listens there; pid 0: nobody was asked */
};

/*
 * Sends REQUEST, a line without its newline, to the socket at PATH and reads the whole answer,
 * which may take as long as a reload does. Returns 0 or -errno: -EPROTO for an invalid answer,
 * -EMSGSIZE for one of more than LIMIT bytes.
 */
int request_exchange(const char *path, const char *request, size_t limit, struct answer *answer);

/* Escapes the SIZE bytes in answer->memory, which has room for a NUL. */
void answer_escape(struct answer *answer, size_t size);

/* Parses the text in answer->memory, as request_exchange() does. Returns 0 or -EPROTO. */
int answer_split(struct answer *answer);

void answer_free(struct answer *answer);

#endif
