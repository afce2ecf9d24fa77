/*
 * Accepting connections.
 */
#ifndef ECHOD_DAEMON_ADMISSION_ACCEPT_H
#define ECHOD_DAEMON_ADMISSION_ACCEPT_H

#include "daemon/admission/admission.h"
#include "daemon/listen/listeners.h"

/* Accepts waiting connections at LISTENER, up to a number that is fair to the other listeners. */
void accept_from(struct admission *admission, struct listener *listener);

/* Retries those of LISTENERS whose pause (listener_pause.h) is over. */
void accept_retry(struct admission *admission, struct listeners *listeners);

#endif
