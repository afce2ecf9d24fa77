/*
 * The error queue of a UDP socket: ICMP errors, and the hosts that reported them. Needs no
 * privileges (IP_RECVERR in ip(7)). Timestamps of sent datagrams arrive in the same queue.
 */
#ifndef ECHOD_CLIENT_CONNECT_ERROR_QUEUE_H
#define ECHOD_CLIENT_CONNECT_ERROR_QUEUE_H

#include "net/address.h"

#include <stdbool.h>

#define QUEUED_ERROR_TEXT_MAX 256

struct queued_error {
    int error;           /* an errno */
    bool icmp;           /* reported by the network, not by this machine */
    bool expired;        /* the TTL reached 0 (ICMP time exceeded) */
    uint32_t mtu;        /* reported with EMSGSIZE; 0: none */
    struct address from; /* the host that reported it, without a port; .len 0: not known */
};

/* Makes the kernel queue errors for the UDP socket FD. From then on, recv(2) and send(2) also
 * return errors other than an unreachable port, and poll(2) reports POLLERR until the queue is
 * empty. */
void error_queue_enable(int fd);

/* When a datagram was sent, by its number (stamp_enable_departures()). */
struct departure {
    uint32_t number;
    uint64_t time; /* nanoseconds of clock_nanoseconds(); 0: not known */
};

enum queued { QUEUED_NOTHING, QUEUED_ERROR, QUEUED_DEPARTURE };

/* Takes the next entry of FD's queue into E or D, without waiting. Returns which it was. */
enum queued error_queue_take(int fd, struct queued_error *e, struct departure *d);

/* Whether to report the LATER of two errors rather than the one BEFORE: an error from the network
 * takes precedence over one of this machine; otherwise the later one does. */
bool error_queue_prefers(const struct queued_error *later, const struct queued_error *before);

/* Empties the queue. Returns whether there were any errors; E is the last one from the network, or
 * else the last one. */
bool error_queue_drain(int fd, struct queued_error *e);

/* Describes E in BUF of QUEUED_ERROR_TEXT_MAX bytes: "Connection refused, reported by 192.0.2.1".
 * Returns BUF. */
const char *error_queue_describe(const struct queued_error *e, char *buf);

#endif
