/*
 * The answer to echoctl check-access: which rule would decide about a client.
 */
#ifndef ECHOD_DAEMON_INQUIRY_H
#define ECHOD_DAEMON_INQUIRY_H

#include "daemon/server.h"

#include <stdio.h>

/* Answers, to TO, about OPERANDS: "ADDRESS LISTENER". Has no effect on who is let in. */
void inquiry_answer(struct server *server, const char *operands, FILE *to);

#endif
