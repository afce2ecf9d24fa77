/*
 * From the common options to a connection: to the first address of a name that answers. The reason
 * of each failure is reported.
 */
#ifndef ECHOD_CLIENT_LINK_H
#define ECHOD_CLIENT_LINK_H

#include "client/common.h"

struct link {
    int fd;   /* connected, non-blocking; -1: none */
    int type; /* SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM */
    struct address peer;
    uint64_t connect_ns; /* how long the connection took to make; of datagrams: nothing */
    size_t index;        /* of the address among the attempts */
};

/* All addresses of the target, which the caller frees: target_resolve(), reported. */
int link_resolve(const struct common *c, struct attempts *found);

/*
 * Connects to the first of ATTEMPTS that answers, and sends the PROXY header if one is wanted. WAKE
 * (-1: none) interrupts it once it can be read. Returns 0; -ECANCELED; or -errno as
 * race_connect(), with every failure reported.
 */
int link_connect(const struct common *c, struct attempts *attempts, int wake, struct link *link);

/* One attempt: connects to ADDRESS and sends the header. Nothing is reported; else the same. */
int link_try(const struct common *c, const struct address *address, int wake, struct link *link);

/*
 * Datagrams to LINK failed because of ERROR (-errno) before anything came back: goes on to the next
 * of ATTEMPTS. Returns 0; or -errno if there is no further one, with nothing reported and LINK as
 * it was.
 */
int link_next(const struct common *c, struct attempts *attempts, int error, struct link *link);

/* Reports the attempts that failed, unless --verbose has done so. */
void link_report(const struct common *c, const struct attempts *attempts);

/* What messages to PEER travel in over a socket of this TYPE: "TCP", "UDP", "a Unix socket". */
const char *link_transport(int type, const struct address *peer);

/* The end of a verb that did not get as far as to measure anything: with --json that is a summary,
 * too. Returns STATUS. */
int link_give_up(const struct common *c, int status);

/* The exit status of a verb that was given ERROR by link_connect(): was there nothing to try, or
 * did it fail? */
int link_status(int error);

/* Writes the PROXY header that C asks for, if any, for the connection FD into BUF. Returns its
 * length, at most PROXY_HEADER_MAX. */
size_t link_header(const struct common *c, int fd, void *buf);

#endif
