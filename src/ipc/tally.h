/*
 * What a datagram worker counts: what came, what was sent, and what was not answered, by the
 * reason.
 */
#ifndef ECHOD_IPC_TALLY_H
#define ECHOD_IPC_TALLY_H

enum tally {
    TALLY_IN, /* datagrams */
    TALLY_OUT,
    TALLY_BYTES_IN,
    TALLY_BYTES_OUT,
    TALLY_MESSAGES, /* stored */
    /* Not answered: */
    TALLY_LOW_PORT,
    TALLY_OWN_PORT,
    TALLY_NOT_UNICAST,
    TALLY_DENIED,
    TALLY_RATE,
    TALLY_LOOP,
    TALLY_TOO_LONG,
    TALLY_NOT_STORED,
    TALLY_UNNAMED,
    TALLY_NOT_SENT,
    TALLY_COUNT,
};

#define TALLY_FIRST_UNANSWERED TALLY_LOW_PORT

/* A clause for the count of datagrams that were not answered, "from a port below 1024"; of those
 * before TALLY_FIRST_UNANSWERED, NULL. */
const char *tally_clause(enum tally tally);

#endif
