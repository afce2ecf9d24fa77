/*
 * The requests of the control socket: what each does, and the text of its answer.
 */
#ifndef ECHOD_DAEMON_REQUESTS_H
#define ECHOD_DAEMON_REQUESTS_H

#include "daemon/daemon.h"

/* Peer INDEX of the control socket can be read from, or written to. */
void requests_ready(struct daemon *d, size_t index);

/* What reports are made of. */
struct report_source requests_source(const struct daemon *d);

#endif
