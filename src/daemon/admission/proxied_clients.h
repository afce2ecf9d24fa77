/*
 * Clients behind a proxy: their workers read the PROXY protocol header and ask the daemon
 * (ipc/slot.h) whether the client may be served.
 */
#ifndef ECHOD_DAEMON_ADMISSION_PROXIED_CLIENTS_H
#define ECHOD_DAEMON_ADMISSION_PROXIED_CLIENTS_H

#include "daemon/admission/admission.h"

/* DOORBELL was rung: answers all open questions. */
void proxied_clients_answer(struct admission *admission, int doorbell);

#endif
