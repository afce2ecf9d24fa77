/*
 * The first steps of a process that was forked to be a worker.
 */
#ifndef ECHOD_FORKSERVER_BECOME_WORKER_H
#define ECHOD_FORKSERVER_BECOME_WORKER_H

#include "worker/worker.h"

/*
 * Drops the resources of the fork server, which is PARENT, and runs JOB. The private memory of the
 * fork server (forkserver/private.h) does not exist here.
 */
NORETURN void become_worker(struct worker *worker, struct job *job, pid_t parent);

#endif
