/*
 * A datagram worker: the process that serves one datagram socket, whoever sends to it.
 */
#ifndef ECHOD_WORKER_DATAGRAM_H
#define ECHOD_WORKER_DATAGRAM_H

#include "base/title.h"
#include "base/util.h"
#include "config/settings.h"
#include "scribe/store.h"
#include "worker/datagram_rules.h"
#include "worker/slot.h"

/* What it gets. The descriptors are its own, the rest lives as long as the process. */
struct datagram_job {
    int socket; /* non-blocking; prepared by listener_open() or listener_adopt() */
    const struct store *messages; /* where service = message has them stored; else NULL */
    struct slot *slot;
    const struct address *address; /* of the socket */
    const struct listen_settings *listen;
    struct ports own_ports;
    struct source_prefix source_prefix;
    const struct title *title;
};

/*
 * Serves until SIGTERM; then answers what is queued already, as far as that is soon done, and exits
 * with END_STOPPED. To be called in a process that was forked for it, as worker_run() is.
 */
NORETURN void datagram_run(const struct datagram_job *job);

#endif
