/*
 * Waiting clients in the handover (handover.h).
 */
#ifndef ECHOD_DAEMON_ADMISSION_WAITING_HANDOVER_H
#define ECHOD_DAEMON_ADMISSION_WAITING_HANDOVER_H

#include "daemon/admission/admission.h"
#include "daemon/process/handover.h"

/* Writes them, with their connections. */
void waiting_save(const struct admission *admission, struct handover *handover);

/* Reads "waiting ..." of one of them. Returns 0 or -EPROTO. */
int waiting_restore(struct admission *admission, const char *line);

#endif
