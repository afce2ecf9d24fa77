/*
 * A worker's question to the daemon: is the client to be served that the proxy named?
 */
#ifndef ECHOD_WORKER_ACCESS_REQUEST_H
#define ECHOD_WORKER_ACCESS_REQUEST_H

#include "ipc/slot.h"

#include <signal.h>

/*
 * Asks, in SLOT and by DOORBELL, for the client TOLD, normalised, or, with a len of 0, for the
 * proxy itself, and waits for the answer, or until *STOPPING. SLOT then has the words for a client
 * that is refused.
 * Returns 0 if it is to be served, END_REFUSED, or -ETIME where there is no answer.
 */
int access_request(struct slot *slot, int doorbell, const struct address *client,
                   const volatile sig_atomic_t *stopping);

#endif
