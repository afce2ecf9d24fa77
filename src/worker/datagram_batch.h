/*
 * Receiving and answering datagrams in batches, with one system call for each batch.
 */
#ifndef ECHOD_WORKER_DATAGRAM_BATCH_H
#define ECHOD_WORKER_DATAGRAM_BATCH_H

#include "base/text.h"
#include "net/address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define BATCH_SIZE 16
/* More than the largest UDP datagram over IPv6. */
#define BATCH_BUFFER (64 * 1024)

/* The control message with the destination of a datagram (ip(7), ipv6(7)). For IPv4 over an IPv6
 * socket there are two, one of each family. */
union batch_control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct datagram {
    struct address peer; /* as received; the reply is sent there */
    struct address to;   /* the address that it was sent to; len 0: of a Unix socket */
    bool unicast;        /* TO is an address of this machine only */
    const char *data;    /* LEN bytes, until the next batch */
    size_t len;          /* may exceed BATCH_BUFFER: DATA is truncated then */
    struct text answer;  /* to be sent, not owned; see answered */
    bool answered;       /* ANSWER, of any length, is to be sent; set by the caller */
};

/* Large, but unused pages take no memory. */
struct datagram_batch {
    int fd;  /* not owned */
    bool ip; /* not a Unix socket */
    size_t most, count;
    struct datagram item[BATCH_SIZE];
    union batch_control control[BATCH_SIZE];
    struct iovec data[BATCH_SIZE];
    struct mmsghdr header[BATCH_SIZE];
    char buffer[BATCH_SIZE][BATCH_BUFFER];
};

/* Begins to use the datagram socket FD, which is non-blocking, for up to MOST datagrams, of
 * BATCH_SIZE, at a time. Returns 0 or -errno. */
int datagram_batch_open(struct datagram_batch *batch, int fd, size_t most);

/*
 * Receives the queued datagrams, up to MOST of them. Returns how many, or -errno.
 */
int datagram_batch_receive(struct datagram_batch *batch);

/* Throws away errors that whoever shares the socket has asked the kernel to queue (ip(7),
 * IP_RECVERR), which keep it ready. Returns how many, up to BATCH_SIZE. */
int datagram_batch_discard_errors(const struct datagram_batch *batch);

/*
 * Sends the answers, each from the address that the datagram was sent to. Waits a moment if the
 * socket is full, but never for a peer. Calls SENT for each with its result, 0 or -errno.
 */
void datagram_batch_send(struct datagram_batch *batch,
                         void (*sent)(const struct datagram *datagram, int result, void *context),
                         void *context);

#endif
