/*
 * The error queue of a UDP socket: ICMP errors and who reported them. Needs no privileges
 * (IP_RECVERR in ip(7)). Timestamps of sent datagrams arrive in the same queue.
 */
#ifndef ECHOD_CLIENT_CONNECT_ERROR_QUEUE_H
#define ECHOD_CLIENT_CONNECT_ERROR_QUEUE_H

#include "net/address.h"

#include <stdbool.h>

#define QUEUED_ERROR_TEXT_MAX 256

struct queued_error {
    int error;           /* an errno */
    bool icmp;           /* from the network, not from this machine */
    bool expired;        /* the TTL was used up (ICMP time exceeded) */
    uint32_t mtu;        /* that was reported with EMSGSIZE; 0: none */
    struct address from; /* who reported it, without a port; .len 0: not known */
};

/* Has the kernel queue errors for the UDP socket FD. From then on recv(2) and send(2) also return
 * those that are not about a port, and poll(2) reports POLLERR until the queue is empty. */
void error_queue_enable(int fd);

/* When a datagram left, by its number (stamp_enable_departures()). */
struct departure {
    uint32_t number;
    uint64_t time; /* nanoseconds; 0: not known */
};

enum queued { QUEUED_NOTHING, QUEUED_ERROR, QUEUED_DEPARTURE };

/* Takes the next of FD's queue into E or D, without waiting. Returns what it was. */
enum queued error_queue_take(int fd, struct queued_error *e, struct departure *d);

/* Which of two errors to report: one from the network rather than our own, else the later one. */
bool error_queue_prefers(const struct queued_error *later, const struct queued_error *before);

/* Takes all there are. Returns whether there were any; E is the last one from the network or, if
 * none is, the last one. */
bool error_queue_drain(int fd, struct queued_error *e);

/* E in words ("Connection refused, reported by 192.0.2.1"), in BUF of QUEUED_ERROR_TEXT_MAX bytes.
 * Returns BUF. */
const char *error_queue_describe(const struct queued_error *e, char *buf);

#endif
