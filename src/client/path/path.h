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
    const char *echo_port, *udp_port; /* NULL: the default */
    uint64_t flows;
    uint64_t idle;    /* how long to be idle, microseconds; 0: skip this step */
    const char *page; /* the file to write; NULL: none */
};

/* The result of one flow. */
struct path_flow {
    uint16_t port;
    uint64_t sent, answered;
    bool dead; /* no reply, although other flows had one */
};

struct path {
    const struct common_options *common;
    const struct path_options *opts;
    struct findings findings;
    int interrupts;               /* interrupts_open(): once it is readable, the step ends early */
    bool stopped;                 /* an interrupt was taken */
    struct address tcp, udp;      /* the echo services; .len 0: none answers */
    int hops;                     /* -1: not known */
    uint64_t rtt;                 /* the longest round trip of a datagram so far, microseconds */
    struct queued_error reported; /* the last error that the network reported; .error 0: none */
    /* For the page. */
    struct handshake plain, marked; /* the latter is all zero if it failed */
    uint32_t packet_sent;           /* the largest that we send, bytes; 0: sizes were not tried */
    uint32_t packet_passes;         /* the largest that arrives, bytes */
    struct path_flow *flows;
    size_t flow_count;
};

/* Whether Ctrl-C was pressed. */
bool path_is_stopped(const struct path *p);

/*
 * If one of several paths is dead, a connection may fail and a second one, from another port,
 * succeed. So connecting is tried this many times, and each try but the last has this time limit,
 * which is enough for one retransmission of the SYN.
 */
#define PATH_TRIES 4
#define PATH_PATIENCE (1500 * USEC_PER_MSEC)

/* The time limit of the try number TRY, from 0, in microseconds. */
uint64_t path_reply_timeout(const struct path *p, unsigned try);

/* Reports that connecting to ADDRESS succeeded after FAILED tries; nothing if that is 0. */
void path_report_tries(struct path *p, const struct address *address, unsigned failed);

#endif
