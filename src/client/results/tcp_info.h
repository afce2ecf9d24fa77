/*
 * What our end of a TCP connection knows of the path (TCP_INFO, tcp(7)).
 */
#ifndef ECHOD_CLIENT_RESULTS_TCP_INFO_H
#define ECHOD_CLIENT_RESULTS_TCP_INFO_H

#include <stdint.h>

/* The sums over some connections; all zero is none. Times are in microseconds. */
struct tcp_facts {
    uint64_t connections;
    uint64_t rtt, rtt_deviation; /* smoothed; sums */
    uint64_t rtt_least;          /* of all */
    uint64_t retransmits;        /* segments */
    uint64_t lost;               /* segments that were held for lost when it was looked */
    uint64_t delivery_rate;      /* the greatest, bytes a second */
    uint64_t busy;               /* there was something to send */
    uint64_t window_limited;     /* of that: the receiver's window was full */
    uint64_t buffer_limited;     /* our send buffer was */
};

/* Adds the connection FD; any other socket adds nothing. */
void tcp_facts_add(struct tcp_facts *facts, int fd);

/* A line for people, or members of an object, which begin with tcp_; of nothing, nothing. */
void tcp_facts_print(const struct tcp_facts *facts);
void tcp_facts_put(const struct tcp_facts *facts);

/* The same line on standard error. */
void tcp_facts_report(const struct tcp_facts *facts);

#endif
