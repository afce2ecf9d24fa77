/*
 * The requests of the control socket and their replies.
 */
#ifndef ECHOD_DAEMON_REQUESTS_H
#define ECHOD_DAEMON_REQUESTS_H

#include "daemon/daemon.h"

/* Handles peer INDEX of the control socket, which poll(2) has reported. */
void requests_ready(struct daemon *d, size_t index);

/* The data of the reports. */
struct report_source requests_source(const struct daemon *d);

#endif
