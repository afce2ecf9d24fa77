/*
 * A worker's question to the daemon: is the client to be served of whom the proxy told?
 */
#ifndef ECHOD_WORKER_ASK_H
#define ECHOD_WORKER_ASK_H

#include "worker/worker.h"

/*
 * Asks for the client TOLD, normalised, or, with a len of 0, for the proxy itself, and waits for
 * the answer, or until *STOPPING. JOB's slot then has the words for a client that is refused.
 * Returns 0 if it is to be served, END_REFUSED, or -ETIME where there is no answer.
 */
int ask_daemon(const struct job *job, const struct address *told,
               const volatile sig_atomic_t *stopping);

#endif
