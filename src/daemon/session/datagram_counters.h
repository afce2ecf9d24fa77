/*
 * The counters of datagram workers (ipc/datagram_counter.h), as the daemon adds them up.
 */
#ifndef ECHOD_DAEMON_SESSION_DATAGRAM_COUNTERS_H
#define ECHOD_DAEMON_SESSION_DATAGRAM_COUNTERS_H

#include "ipc/slot.h"
#include "log/record.h"

struct datagram_counters {
    uint64_t count[DATAGRAM_COUNTERS];
};

/* The counters of a worker so far. */
struct datagram_counters datagram_counters_of(const struct slot *slot);

struct datagram_counters datagram_counters_sum(const struct datagram_counters *a,
                                               const struct datagram_counters *b);

/* A - B; where that is below zero it wraps, and a sum makes it whole again. */
struct datagram_counters datagram_counters_difference(const struct datagram_counters *a,
                                                      const struct datagram_counters *b);

bool datagram_counters_any(const struct datagram_counters *counters);

/* Datagrams that were not answered, for any reason. */
uint64_t datagram_counters_unanswered(const struct datagram_counters *counters);

/* Appends the counts to TEXT, of SIZE bytes: "2 in, 1 out, 80 bytes in, 40 out; 1 too long". */
void datagram_counters_format(const struct datagram_counters *counters, char *text, size_t size);

#endif
