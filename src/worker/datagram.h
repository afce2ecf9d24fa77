/*
 * A datagram worker: the process that serves one datagram socket, whoever sends to it.
 */
#ifndef ECHOD_WORKER_DATAGRAM_H
#define ECHOD_WORKER_DATAGRAM_H

#include "worker/worker.h"

/*
 * Serves until SIGTERM; then answers what is queued already, as far as that is soon done, and exits
 * with END_STOPPED. To be called in a process that was forked for it, as worker_run() is. The
 * socket is non-blocking, prepared by listener_open() or listener_adopt().
 */
NORETURN void datagram_run(const struct worker *given);

#endif
