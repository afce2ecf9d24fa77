/*
 * Connects as the common options ask, to the first address of the host that answers. Reports the
 * reason for each failure.
 */
#ifndef ECHOD_CLIENT_COMMAND_CONNECTION_H
#define ECHOD_CLIENT_COMMAND_CONNECTION_H

#include "client/command/common_options.h"

struct connection {
    int fd;   /* connected, non-blocking; -1: none */
    int type; /* SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM */
    struct address peer;
    uint64_t connect_ns; /* how long connecting took; 0 for datagrams */
    size_t index;        /* of the address in the attempts */
};

/* Finds all addresses of the target. The caller frees FOUND. Returns as target_resolve(), with
 * failures reported. */
int connection_resolve(const struct common_options *c, struct attempts *found);

/*
 * Connects to the first of ATTEMPTS that answers, and sends the PROXY header if the options ask for
 * one. Gives up once the descriptor WAKE (-1: none) is readable. Returns 0, -ECANCELED, or -errno
 * as race_connect(), with every failure reported.
 */
int connection_connect(const struct common_options *c, struct attempts *attempts, int wake,
                       struct connection *connection);

/* The same for a single ADDRESS, but reports nothing. */
int connection_try(const struct common_options *c, const struct address *address, int wake,
                   struct connection *connection);

/*
 * Moves CONNECTION to the next of ATTEMPTS after sending datagrams to it failed with ERROR (-errno)
 * before any reply. Returns 0, or -errno if there is no other address; CONNECTION is then
 * unchanged, and nothing is reported.
 */
int connection_next(const struct common_options *c, struct attempts *attempts, int error,
                    struct connection *connection);

/* Reports the attempts that failed, unless --verbose has done so. */
void connection_report(const struct common_options *c, const struct attempts *attempts);

/* The name of the transport of a socket of this TYPE: "TCP", "UDP", "a Unix socket". */
const char *connection_transport(int type, const struct address *peer);

/* For a verb that could not measure anything: prints a summary with --json. Returns STATUS. */
int connection_give_up(const struct common_options *c, int status);

/* The exit status for ERROR from connection_connect(), which tells a failed test from one that
 * could not be run. */
int connection_status(int error);

/* Writes the PROXY header that C asks for, if any, for the connection FD into BUF. Returns its
 * length, at most PROXY_HEADER_MAX. */
size_t connection_header(const struct common_options *c, int fd, void *buf);

#endif
