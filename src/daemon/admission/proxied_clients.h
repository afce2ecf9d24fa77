/*
 * Clients behind a proxy: their workers read from the PROXY protocol header who they are, and ask
 * (ipc/slot.h) whether they are to be served.
 */
#ifndef ECHOD_DAEMON_ADMISSION_PROXIED_CLIENTS_H
#define ECHOD_DAEMON_ADMISSION_PROXIED_CLIENTS_H

#include "daemon/admission/admission.h"

/* DOORBELL was rung: answers all that ask. */
void proxied_clients_answer(struct admission *admission, int doorbell);

#endif
