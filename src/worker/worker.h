/*
 * A worker: the process that serves one client.
 */
#ifndef ECHOD_WORKER_WORKER_H
#define ECHOD_WORKER_WORKER_H

#include "base/title.h"
#include "ipc/end.h"
#include "ipc/job.h"
#include "ipc/slot.h"

/* What a worker gets. The descriptors are its own, the rest lives as long as the process. */
struct worker {
    const struct job *job; /* whose descriptors are these: */
    int socket, store;
    struct slot *slot;
    int doorbell; /* behind a proxy: to ask the daemon (slot.h); else -1 */
    const struct title *title;
};

/*
 * Installs the handlers that worker_run() relies on. For the process that forks it: they are
 * inherited. SIGTERM stays blocked there.
 */
void worker_handle_signals(void);

/*
 * Serves the client of GIVEN and exits with an enum end. To be called in a process that was forked
 * for it, which has no descriptors but those. After SIGTERM it answers what has
 * come, and ends.
 */
NORETURN void worker_run(const struct worker *given);

#endif
