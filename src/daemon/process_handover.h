/*
 * Fork servers and scribe in what a daemon leaves to the next program (handover.h): a line for
 * each, and one for each connection of theirs.
 */
#ifndef ECHOD_DAEMON_PROCESS_HANDOVER_H
#define ECHOD_DAEMON_PROCESS_HANDOVER_H

#include "daemon/server.h"

#include <stdio.h>

void process_handover_write(const struct server *server, FILE *to);

/* Reads LINE, if it is one of those. Returns 0, -EPROTO, or another -errno. */
int process_handover_read(const char *line, struct server *server);

#endif
