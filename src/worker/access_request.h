/*
 * A worker's request to the daemon whether the client that a proxy has named may be served.
 */
#ifndef ECHOD_WORKER_ACCESS_REQUEST_H
#define ECHOD_WORKER_ACCESS_REQUEST_H

#include "ipc/slot.h"

#include <signal.h>

/*
 * Requests access through SLOT and DOORBELL for CLIENT (normalised; len 0: the proxy itself), and
 * waits for the answer or until *STOPPING. If it is refused, SLOT has the reason for the client.
 * Returns 0 if the client may be served, END_REFUSED, or -ETIME if there is no answer.
 */
int access_request(struct slot *slot, int doorbell, const struct address *client,
                   const volatile sig_atomic_t *stopping);

#endif
