/*
 * Many flows at once: echoes over N connections or datagram sockets, each with its own source port.
 * In a network that selects a path by a hash of addresses and ports, they spread over all paths.
 */
#ifndef ECHOD_CLIENT_FLOWS_FLOWS_H
#define ECHOD_CLIENT_FLOWS_FLOWS_H

#include "client/command/common_options.h"
#include "client/connect/error_queue.h"
#include "client/probe/probe_stream.h"
#include "client/probe/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most flows, so that there are enough source ports. */
#define FLOWS_MAX 4096

struct flow {
    struct flows *all;
    struct probe_stream stream; /* .fd -1: the flow has ended */
    struct probe_window window;
    uint16_t port; /* its source port */
    bool connected;
    uint64_t next;     /* when its next probe is due, microseconds; NEVER: after a reply */
    uint64_t sent;     /* probes */
    uint64_t answered; /* probes with any reply */
    uint64_t received; /* probes that came back intact */
    uint64_t verdicts[REPLY_VERDICTS];
    uint64_t retransmits;      /* segments that the connection retransmitted */
    int error;                 /* why the flow ended: 0, 1 (closed by the server) or -errno */
    struct queued_error queue; /* reported by the network; .error 0: nothing */
    struct stats times;
};

struct flows_plan {
    uint64_t count;    /* flows */
    uint64_t probes;   /* for each flow; 0: until interrupted or the deadline */
    uint64_t burst;    /* probes at once, 1 or more */
    uint64_t interval; /* between bursts, microseconds; 0: send after each reply */
    uint64_t wait;     /* for each reply, and for a connection, microseconds; 0: no limit */
    uint64_t size;     /* of a probe, bytes */
};

struct flows {
    const struct common_options *common;
    const struct flows_plan *plan;
    struct address peer;
    int type;                               /* SOCK_STREAM or SOCK_DGRAM */
    int interrupts;                         /* interrupts_open(), or -1 */
    void (*interim)(const struct flows *f); /* called on Ctrl-\; may be NULL */
    bool over;                              /* stopped, or past the deadline */
    struct flow *list;
    struct stats times; /* of all flows */
};

/* Runs all flows to their end. The caller fills in all members but .over, .list and .times, and
 * calls flows_free() afterwards. Returns 0, or -errno if no flow could be started. */
int flows_run(struct flows *f);
void flows_free(struct flows *f);

/* Sums over all flows. */
struct flows_sums {
    uint64_t sent, answered, received;
    uint64_t verdicts[REPLY_VERDICTS];
    uint64_t retransmits;
    size_t dead;    /* flows without any reply, although others had one */
    size_t refused; /* flows that ended with an error of their own */
};
struct flows_sums flows_sum(const struct flows *f);

/* Whether FLOW sent probes but had no reply, and did not end because of an error of its own. */
bool flow_is_dead(const struct flow *flow);

/* Describes dead flows in BUF: "5 of 64 flows lose everything (ports 40001, ...): one of about 13
 * paths is dead". Returns whether there are any. */
#define FLOWS_TEXT_MAX 512
bool flows_explain(const struct flows *f, char *buf);

/* The loss in per cent, rounded down as ping(8) does. */
unsigned flows_loss(uint64_t sent, uint64_t answered);

#endif
