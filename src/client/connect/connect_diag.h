/*
 * Messages about failed connections.
 */
#ifndef ECHOD_CLIENT_CONNECT_CONNECT_DIAG_H
#define ECHOD_CLIENT_CONNECT_CONNECT_DIAG_H

#include "client/connect/target.h"

#include <stddef.h>

/* No address was found: REASON says why. */
void connect_diag_unresolved(const struct target *target, const char *reason);

/* A hint for users who gave a message instead of the port. */
void connect_diag_hint_at_port(const struct target *target);

/* An address is about to be tried; was tried, and A->error is why it failed. */
void connect_diag_trying(const struct attempt *a);
void connect_diag_refused(const struct attempt *a);

/* The same, written into BUF. */
const char *connect_diag_reason(const struct attempt *a, char *buf, size_t size);

#endif
