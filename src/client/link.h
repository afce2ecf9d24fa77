/*
 * From the common options to a connection: every address of a name is tried in turn, and the
 * reason of each failure is told.
 */
#ifndef ECHOD_CLIENT_LINK_H
#define ECHOD_CLIENT_LINK_H

#include "client/common.h"

struct link {
    int fd;   /* connected, non-blocking; -1: none */
    int type; /* SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM */
    struct address peer;
    uint64_t connect_ns; /* how long the connection took to make; of datagrams: nothing */
};

/* All addresses of the target, which the caller frees: target_resolve(), reported. */
int link_resolve(const struct common *c, struct attempts *found);

/*
 * Connects to the first of ATTEMPTS that answers, and sends the PROXY header if one is wanted. WAKE
 * (-1: none) interrupts it once it can be read. Returns 0; -ECANCELED; or -errno of the last
 * attempt, each of them reported.
 */
int link_connect(const struct common *c, struct attempts *attempts, int wake, struct link *link);

/* One attempt: connects to ADDRESS and sends the header. Nothing is reported; else the same. */
int link_try(const struct common *c, const struct address *address, int wake, struct link *link);

/* The end of a verb that did not get as far as to measure anything: with --json that is a summary,
 * too. Returns STATUS. */
int link_give_up(const struct common *c, int status);

/* Both, for a caller who has no use for the addresses. Returns 0, -ESRCH where there are none,
 * -EPROTONOSUPPORT where the port is the name of no service, or -errno of the last address. */
int link_open(const struct common *c, struct link *link);

/* The exit status of a verb for what link_open() returned: was there nothing to try, or did it
 * fail? */
int link_status(int error);

/* Writes the PROXY header that C asks for, if any, for the connection FD into BUF. Returns its
 * length, at most PROXY_HEADER_MAX. */
size_t link_header(const struct common *c, int fd, void *buf);

#endif
