/*
 * What the kernel knows of the path of a TCP connection (TCP_INFO, tcp(7)).
 */
#ifndef ECHOD_CLIENT_RESULTS_TCP_INFO_H
#define ECHOD_CLIENT_RESULTS_TCP_INFO_H

#include <stdint.h>

/* Sums over several connections; all zero: none. Times are in microseconds. */
struct tcp_facts {
    uint64_t connections;
    uint64_t rtt, rtt_deviation; /* smoothed; sums */
    uint64_t rtt_least;          /* the minimum */
    uint64_t retransmits;        /* segments */
    uint64_t lost;               /* segments considered lost at the time of the query */
    uint64_t delivery_rate;      /* the maximum, bytes per second */
    uint64_t busy;               /* time with data to send */
    uint64_t window_limited;     /* the part of it in which the receiver's window was full */
    uint64_t buffer_limited;     /* the part of it in which our send buffer was full */
};

/* Adds the facts about the TCP connection FD; does nothing for other sockets. */
void tcp_facts_add(struct tcp_facts *facts, int fd);

/* Print a line of text, or members of a JSON object that begin with tcp_; nothing if there are no
 * connections. */
void tcp_facts_print(const struct tcp_facts *facts);
void tcp_facts_put(const struct tcp_facts *facts);

/* The same line on standard error. */
void tcp_facts_report(const struct tcp_facts *facts);

#endif
