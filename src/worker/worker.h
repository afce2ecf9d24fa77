/*
 * A worker: the process that serves one client. This is all that the daemon knows of it.
 */
#ifndef ECHOD_WORKER_WORKER_H
#define ECHOD_WORKER_WORKER_H

#include "base/title.h"
#include "config/settings.h"
#include "net/address.h"
#include "scribe/store.h"
#include "worker/datagram.h"
#include "worker/end.h"
#include "worker/slot.h"

/* What a worker gets. The descriptors are its own, the rest lives as long as the process. */
struct job {
    int client;                   /* a connected socket, SOCK_STREAM or SOCK_SEQPACKET */
    const struct store *messages; /* where service = message has them stored; else NULL */
    struct slot *slot;
    struct address peer;
    struct address proxy;       /* peer of the socket, if it is a proxy that told of PEER; len 0 */
    struct address destination; /* where PEER connected to, as the proxy told; len 0 */
    const struct listen_settings *listen;
    uint64_t idle_timeout, session_timeout; /* microseconds, 0 for none */
    const struct title *title;
    pid_t daemon; /* the parent, which answers whether a proxy's client is to be served */
};

/*
 * Serves the client of GIVEN and exits with an enum end. To be called in a process that was forked
 * for it: closes every descriptor but the client's (and standard error, where a sanitizer writes to
 * it). The signals that the daemon blocked stay blocked but for SIGTERM, which ends the session as
 * if the client had closed.
 */
NORETURN void worker_run(const struct job *given);

#endif
