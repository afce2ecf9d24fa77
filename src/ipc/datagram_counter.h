/*
 * The counters of a datagram worker: received, sent, and not answered, by reason.
 */
#ifndef ECHOD_IPC_DATAGRAM_COUNTER_H
#define ECHOD_IPC_DATAGRAM_COUNTER_H

enum datagram_counter {
    COUNTER_IN, /* datagrams */
    COUNTER_OUT,
    COUNTER_BYTES_IN,
    COUNTER_BYTES_OUT,
    COUNTER_MESSAGES, /* stored */
    /* Not answered: */
    COUNTER_LOW_PORT,
    COUNTER_OWN_PORT,
    COUNTER_NOT_UNICAST,
    COUNTER_DENIED,
    COUNTER_RATE,
    COUNTER_LOOP,
    COUNTER_TOO_LONG,
    COUNTER_NOT_STORED,
    COUNTER_UNNAMED,
    COUNTER_NOT_SENT,
    DATAGRAM_COUNTERS,
};

#define COUNTER_FIRST_UNANSWERED COUNTER_LOW_PORT

/* A clause for a count of datagrams that were not answered, "from a port below 1024"; NULL for
 * counters before COUNTER_FIRST_UNANSWERED. */
const char *datagram_counter_clause(enum datagram_counter counter);

#endif
