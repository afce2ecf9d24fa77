/*
 * Datagrams, received and answered some at a time: a system call for each batch, not for each one.
 */
#ifndef ECHOD_WORKER_DATAGRAM_BATCH_H
#define ECHOD_WORKER_DATAGRAM_BATCH_H

#include "base/text.h"
#include "net/address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define BATCH_SIZE 16
/* The largest datagram that UDP has, over IPv6, and some. */
#define BATCH_BUFFER (64 * 1024)

/* What comes beside a datagram: the address that it was sent to (ip(7), ipv6(7)). Of one that came
 * over IPv4 through an IPv6 socket it comes in both forms. */
union batch_control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct datagram {
    struct address peer; /* as received: where an answer goes */
    struct address to;   /* the address that it was sent to; len 0: of a Unix socket */
    bool unicast;        /* TO is an address of this machine alone */
    const char *data;    /* LEN bytes, until the next batch */
    size_t len;          /* more than BATCH_BUFFER: only the first of them are there */
    struct text answer;  /* to be sent, not owned; see answered */
    bool answered;       /* by ANSWER, of any length; set by the caller */
};

/* Much of it is never touched, and costs no memory then. */
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
 * Receives what is there, up to that many datagrams.
 * Returns how many, 0 for none, or -errno.
 */
int datagram_batch_receive(struct datagram_batch *batch);

/* Throws away errors that whoever shares the socket has asked the kernel to queue (ip(7),
 * IP_RECVERR), which keep it ready. Returns how many, up to BATCH_SIZE. */
int datagram_batch_discard_errors(const struct datagram_batch *batch);

/*
 * Sends the answers of those that have one, each from the address that the datagram was sent to.
 * Waits a moment if the socket is full, and for nobody else. Calls SENT for each with its result,
 * 0 or -errno.
 */
void datagram_batch_send(struct datagram_batch *batch,
                         void (*sent)(const struct datagram *datagram, int result, void *context),
                         void *context);

#endif
