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

/* The same for those on the doorstep (doorstep.h), all of them; they are passed only to the program
 * that takes over, for a dry run would keep their connections open. */
void client_handover_write_waiting(const struct waiting_list *doorstep, FILE *to);
int client_handover_read_waiting(const char *line, struct server *server);

#endif
