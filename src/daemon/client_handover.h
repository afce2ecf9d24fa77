/*
 * The part of the handover (handover.h) that is about clients.
 */
#ifndef ECHOD_DAEMON_CLIENT_HANDOVER_H
#define ECHOD_DAEMON_CLIENT_HANDOVER_H

#include "daemon/server.h"

#include <stdio.h>

/* Writes the line of the client at INDEX of the roster. */
void client_handover_write(const struct server *server, size_t index, FILE *to);

/* Reads that line. Returns 0 or -EPROTO. */
int client_handover_read(const char *line, struct server *server);

#endif
