/*
 * From the common options to a connection: to the first address of a name that answers. The reason
 * of each failure is reported.
 */
#ifndef ECHOD_CLIENT_COMMAND_CONNECTION_H
#define ECHOD_CLIENT_COMMAND_CONNECTION_H

#include "client/command/common_options.h"

struct connection {
    int fd;   /* connected, non-blocking; -1: none */
    int type; /* SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM */
    struct address peer;
    uint64_t connect_ns; /* how long the connection took to make; of datagrams: nothing */
    size_t index;        /* of the address among the attempts */
};

/* All addresses of the target, which the caller frees: target_resolve(), reported. */
int connection_resolve(const struct common_options *c, struct attempts *found);

/*
 * Connects to the first of ATTEMPTS that answers, and sends the PROXY header if one is wanted. WAKE
 * (-1: none) interrupts it once it can be read. Returns 0; -ECANCELED; or -errno as
 * race_connect(), with every failure reported.
 */
int connection_connect(const struct common_options *c, struct attempts *attempts, int wake,
                       struct connection *connection);

/* One attempt: connects to ADDRESS and sends the header. Nothing is reported; else the same. */
int connection_try(const struct common_options *c, const struct address *address, int wake,
                   struct connection *connection);

/*
 * Datagrams to CONNECTION failed with ERROR (-errno) before there was any reply: changes to the
 * next of ATTEMPTS. Returns 0, or -errno if there is none, with nothing reported and CONNECTION
 * unchanged.
 */
int connection_next(const struct common_options *c, struct attempts *attempts, int error,
                    struct connection *connection);

/* Reports the attempts that failed, unless --verbose has done so. */
void connection_report(const struct common_options *c, const struct attempts *attempts);

/* The name of the transport of a socket of this TYPE: "TCP", "UDP", "a Unix socket". */
const char *connection_transport(int type, const struct address *peer);

/* Ends a verb that could not measure anything; with --json, prints a summary. Returns STATUS. */
int connection_give_up(const struct common_options *c, int status);

/* The exit status for ERROR of connection_connect(): whether the test failed, or could not be run.
 */
int connection_status(int error);

/* Writes the PROXY header that C asks for, if any, for the connection FD into BUF. Returns its
 * length, at most PROXY_HEADER_MAX. */
size_t connection_header(const struct common_options *c, int fd, void *buf);

#endif
