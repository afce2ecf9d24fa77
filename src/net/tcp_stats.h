/*
 * The kernel's statistics of our end of a TCP connection, and of the path (TCP_INFO, tcp(7)).
 */
#ifndef ECHOD_NET_TCP_STATS_H
#define ECHOD_NET_TCP_STATS_H

#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

/* Times are in microseconds. */
struct tcp_stats {
    uint32_t known;                        /* 0: there is nothing, and the others are 0; else 1 */
    uint32_t rtt, rttvar;                  /* smoothed; 0: nothing was measured */
    uint32_t min_rtt;                      /* 0: the same */
    uint32_t retransmits;                  /* segments */
    uint32_t lost;                         /* segments currently considered lost */
    uint64_t delivery_rate;                /* bytes a second; 0: nothing was measured */
    uint64_t busy;                         /* there was something to send */
    uint64_t rwnd_limited, sndbuf_limited; /* of that: a window, or a buffer, was full */
};

/* Asks about the connection FD. Returns false, with nothing in STATS, if FD is none of TCP or the
 * kernel is older than 4.10. */
NEAR_MAIN bool tcp_stats_get(struct tcp_stats *stats, int fd);

/*
 * Copies SHARED, which an untrusted process has written, once. Returns false, with nothing in COPY,
 * unless it is plausible.
 */
bool tcp_stats_copy(struct tcp_stats *copy, const volatile struct tcp_stats *shared);

/* What limited the speed for most of the time in which there was data to send, by those three
 * times: "application", "path", "receiver's window", "send buffer". */
const char *tcp_limit(uint64_t busy, uint64_t rwnd_limited, uint64_t sndbuf_limited);

#endif
