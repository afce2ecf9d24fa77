/*
 * A datagram worker: the process that serves one datagram socket, whoever sends to it.
 */
#ifndef ECHOD_WORKER_DATAGRAM_H
#define ECHOD_WORKER_DATAGRAM_H

#include "worker/worker.h"

/*
 * Serves until SIGTERM, then answers a limited number of queued datagrams and exits with
 * END_STOPPED. To be called, as worker_run(), in a process that was forked for it. The socket is
 * non-blocking and was prepared by listener_open() or listener_adopt().
 */
NORETURN void datagram_run(const struct worker *given);

#endif
