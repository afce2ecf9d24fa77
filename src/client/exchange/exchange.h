/*
 * An exchange: the data to send, and the result.
 */
#ifndef ECHOD_CLIENT_EXCHANGE_EXCHANGE_H
#define ECHOD_CLIENT_EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to send whereto. Descriptors stay the caller's; -1 is none. */
struct exchange_plan {
    int sock;         /* connected and non-blocking */
    int input;        /* sent after the messages, until its end */
    bool interactive; /* somebody types the input: it is complete at every moment */
    char *const *messages;
    size_t message_count;
    bool newline;     /* after each message */
    int output;       /* where replies go; blocking or not; -1: they are only counted */
    bool json;        /* replies are put into objects */
    bool escape;      /* replies are made safe for a terminal */
    bool verify;      /* replies must be what was sent; the first difference ends the exchange */
    uint64_t timeout; /* of silence while a reply is awaited, in microseconds; 0 = none */
    /* Of datagrams: replaces .sock by a socket to the next address, because of ERROR, and returns
     * it, or -errno; .others is how many further addresses there are. */
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
    ENDED_OUTPUT,    /* by .error when writing the output; -EPIPE: nobody reads it any more; 0: it
                      * is reported elsewhere */
    ENDED_SYSTEM,    /* by .error of ours: no memory */
    ENDED_TOO_LONG,  /* what was to be sent does not fit into a datagram */
};

struct exchange_result {
    enum exchange_ending ending;
    int error;           /* -errno */
    bool complete;       /* everything there was to send was sent */
    bool half_closed;    /* we said that we are done before the server closed */
    uint64_t sent;       /* bytes that our kernel took */
    uint64_t received;   /* bytes; with .verify, those that agreed */
    uint64_t messages;   /* that were sent apart, and those that nothing came for */
    uint64_t unanswered; /* they have been reported */
    uint64_t duration;   /* microseconds */
    uint64_t differs_at; /* the first byte is number 1 */
    int expected;        /* the byte sent, -1 where nothing (more) was sent */
    int got;             /* the byte that came; -1: the reply had ended */
};

#endif
