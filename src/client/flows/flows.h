/*
 * Many flows at once: echoes over N connections or datagram sockets, each with a source port of its
 * own. Where a path is chosen by a hash of addresses and ports, they are spread over all paths.
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

/* At most, so that their source ports can be had. */
#define FLOWS_MAX 4096

struct flow {
    struct flows *all;
    struct probe_stream stream; /* .fd -1: it has ended */
    struct probe_window window;
    uint16_t port; /* its source port */
    bool connected;
    uint64_t next;     /* when its next probe is due, microseconds; NEVER: upon a reply */
    uint64_t sent;     /* probes */
    uint64_t answered; /* that something came back for */
    uint64_t received; /* that came back intact */
    uint64_t verdicts[REPLY_VERDICTS];
    uint64_t retransmits;      /* of a connection: segments that were sent anew */
    int error;                 /* why it has ended: 0, 1 (closed by the server) or -errno */
    struct queued_error queue; /* what the network reported; .error 0: nothing */
    struct stats times;
};

struct flows_plan {
    uint64_t count;    /* flows */
    uint64_t probes;   /* of each; 0: until .stop */
    uint64_t burst;    /* probes at once, 1 or more */
    uint64_t interval; /* between bursts, microseconds; 0: upon each reply */
    uint64_t wait;     /* for each reply, and for a connection; 0: for ever */
    uint64_t size;     /* of a probe */
};

struct flows {
    const struct common_options *common;
    const struct flows_plan *plan;
    struct address peer;
    int type;                               /* SOCK_STREAM or SOCK_DGRAM */
    int interrupts;                         /* interrupts_open(), or -1 */
    void (*interim)(const struct flows *f); /* upon Ctrl-\; NULL: nothing */
    bool over;                              /* stopped, or at the deadline */
    struct flow *list;
    struct stats times; /* of all */
};

/* Runs them to their end: the caller has filled in all but .over, .list and .times, and frees them
 * by flows_free(). Returns 0, or -errno if not one could be begun. */
int flows_run(struct flows *f);
void flows_free(struct flows *f);

/* The sums of one member of every flow. */
struct flows_sums {
    uint64_t sent, answered, received;
    uint64_t verdicts[REPLY_VERDICTS];
    uint64_t retransmits;
    size_t dead;    /* flows that nothing came back on, though something did on others */
    size_t refused; /* flows that ended by an error of their own */
};
struct flows_sums flows_sum(const struct flows *f);

/* Whether nothing came back on FLOW, while it had its chance. */
bool flow_is_dead(const struct flow *flow);

/* The sentence on dead flows into BUF: "5 of 64 flows lose everything (ports 40001, ...): one of
 * about 13 paths is dead". Returns whether there is anything to say. */
#define FLOWS_TEXT_MAX 512
bool flows_explain(const struct flows *f, char *buf);

/* In per cent, rounded down as ping(8) does. */
unsigned flows_loss(uint64_t sent, uint64_t answered);

#endif
