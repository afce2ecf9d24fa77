/*
 * The entry point of a worker after the fork.
 */
#ifndef ECHOD_FORKSERVER_WORKER_MAIN_H
#define ECHOD_FORKSERVER_WORKER_MAIN_H

#include "worker/worker.h"

/*
 * Drops the resources of the fork server, which is PARENT, and runs JOB. The private memory of the
 * fork server (forkserver/private.h) does not exist here.
 */
NORETURN void worker_main(struct worker *worker, struct job *job, pid_t parent);

#endif
