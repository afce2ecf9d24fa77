/*
 * Messages about failed connections.
 */
#ifndef ECHOD_CLIENT_CONNECT_CONNECT_DIAG_H
#define ECHOD_CLIENT_CONNECT_CONNECT_DIAG_H

#include "client/connect/target.h"

#include <stddef.h>

/* Reports that no address was found, with the REASON. */
void connect_diag_unresolved(const struct target *target, const char *reason);

/* Prints a hint if the user seems to have given a message in place of the port. */
void connect_diag_hint_at_port(const struct target *target);

/* Report that an address is about to be tried, and that it failed because of A->error. */
void connect_diag_trying(const struct attempt *a);
void connect_diag_refused(const struct attempt *a);

/* Writes the reason why A failed into BUF of SIZE bytes. Returns BUF. */
const char *connect_diag_reason(const struct attempt *a, char *buf, size_t size);

#endif
