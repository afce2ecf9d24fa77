/*
 * The steps of echoc path: each tests for one kind of fault, and reports its findings.
 */
#ifndef ECHOD_CLIENT_PATH_PATH_H
#define ECHOD_CLIENT_PATH_PATH_H

#include "base/clock.h"
#include "client/command/common_options.h"
#include "client/connect/error_queue.h"
#include "client/path/findings.h"
#include "client/path/handshake.h"

#include <stdbool.h>
#include <stdint.h>

struct path_options {
    const char *echo_port, *udp_port; /* NULL: as it is by default */
    uint64_t flows;
    uint64_t idle;    /* microseconds; 0: not wanted */
    const char *page; /* the file to write; NULL: none */
};

/* What became of one flow. */
struct path_flow {
    uint16_t port;
    uint64_t sent, answered;
    bool dead; /* nothing came back, though something did on others */
};

struct path {
    const struct common_options *common;
    const struct path_options *opts;
    struct findings findings;
    int interrupts;               /* interrupts_open(): once it can be read, the step ends early */
    bool stopped;                 /* that was taken */
    struct address tcp, udp;      /* the echo services; .len 0: none answers */
    int hops;                     /* -1: not known */
    uint64_t rtt;                 /* of datagrams, the longest so far, microseconds */
    struct queued_error reported; /* the last error that the network reported; .error 0: none */
    /* For the page. */
    struct handshake plain, marked; /* of the latter nothing if it failed */
    uint32_t packet_sent;           /* the largest that we send, bytes; 0: sizes were not tried */
    uint32_t packet_passes;         /* the largest that passes */
    struct path_flow *flows;
    size_t flow_count;
};

/* Whether Ctrl-C was pressed. */
bool path_is_stopped(const struct path *p);

/*
 * Where there are several paths of which one is dead, a connection may not come about, but another
 * one does, from another port: how often it is tried, and for how long each time but the last, so
 * that a SYN is repeated once.
 */
#define PATH_TRIES 4
#define PATH_PATIENCE (1500 * USEC_PER_MSEC)

/* How long the try number TRY, from 0 on, may take. */
uint64_t path_reply_timeout(const struct path *p, unsigned try);

/* A connection to ADDRESS came about only after FAILED tries. */
void path_report_tries(struct path *p, const struct address *address, unsigned failed);

#endif
