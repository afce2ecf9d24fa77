/*
 * A worker: the process that serves one client.
 */
#ifndef ECHOD_WORKER_WORKER_H
#define ECHOD_WORKER_WORKER_H

#include "base/title.h"
#include "ipc/end.h"
#include "ipc/job.h"
#include "ipc/slot.h"

/* The input of a worker. It owns the descriptors; the rest is valid as long as the process runs. */
struct worker {
    const struct job *job; /* with these descriptors: */
    int socket, store;
    struct slot *slot;
    int doorbell; /* behind a proxy: to ask the daemon (slot.h); else -1 */
    const struct title *title;
};

/*
 * Installs the signal handlers of workers. Called in the process that forks them, where SIGTERM
 * stays blocked; workers inherit the handlers.
 */
void worker_handle_signals(void);

/*
 * Serves the client of GIVEN and exits with an enum end. To be called in a process that was forked
 * for it and has no other descriptors. After SIGTERM it answers what has arrived, and exits.
 */
NORETURN void worker_run(const struct worker *given);

#endif
