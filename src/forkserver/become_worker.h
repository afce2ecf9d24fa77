/*
 * What a process does first that was forked to be a worker.
 */
#ifndef ECHOD_FORKSERVER_BECOME_WORKER_H
#define ECHOD_FORKSERVER_BECOME_WORKER_H

#include "worker/worker.h"

/*
 * Gives up what was the fork server's, which is PARENT, and does what JOB is. Of the memory that is
 * private there (forkserver/private.h) nothing is left here.
 */
NORETURN void become_worker(struct worker *worker, struct job *job, pid_t parent);

#endif
