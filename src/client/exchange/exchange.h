/*
 * An exchange: the data to send, and the result.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_EXCHANGE_H
#define ECHOD_CLIENT_EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to send, and where. The caller keeps and closes the descriptors; -1: none. */
struct exchange_plan {
    int sock;         /* connected and non-blocking */
    int input;        /* sent after the messages, up to its end */
    bool interactive; /* a user types the input, which counts as complete at any moment */
    char *const *messages;
    size_t message_count;
    bool newline;     /* after each message */
    int output;       /* for replies, blocking or not; -1: they are only counted */
    bool json;        /* replies are output as JSON objects */
    bool escape;      /* replies are escaped for a terminal */
    bool verify;      /* replies must equal what was sent; the first difference ends the exchange */
    uint64_t timeout; /* for silence while a reply is awaited, in microseconds; 0: none */
    /* For datagrams: replaces .sock, which failed with ERROR, by a socket to the next address.
     * Returns it or -errno. .others is the number of further addresses. */
    int (*next)(void *context, int error);
    void *context;
    size_t others;
};

enum exchange_ending {
    ENDED_CLOSED,    /* by the server */
    ENDED_BROKEN,    /* by .error of the connection */
    ENDED_SILENT,    /* the server owed a reply (or to take what we send) for the timeout */
    ENDED_DIFFERENT, /* .differs_at, .expected, .got */
    ENDED_INPUT,     /* by .error when reading the input */
    ENDED_OUTPUT,    /* by .error when writing the output; -EPIPE: the reader is gone; 0: the error
                      * is reported elsewhere */
    ENDED_SYSTEM,    /* by .error of this process: no memory */
    ENDED_TOO_LONG,  /* a message does not fit into a datagram */
};

struct exchange_result {
    enum exchange_ending ending;
    int error;           /* -errno */
    bool complete;       /* everything was sent */
    bool half_closed;    /* we ended our side before the server closed */
    uint64_t sent;       /* bytes that the kernel accepted */
    uint64_t received;   /* bytes; with .verify, only those that matched */
    uint64_t messages;   /* datagrams or packets sent */
    uint64_t unanswered; /* of these; each has been reported */
    uint64_t duration;   /* microseconds */
    uint64_t differs_at; /* the first byte is number 1 */
    int expected;        /* the byte sent; -1: nothing more was sent */
    int got;             /* the byte received; -1: the reply had ended */
};

#endif
