/*
 * What whoami reports of the TCP handshake.
 */
#ifndef ECHOD_SERVICE_WHOAMI_SYN_H
#define ECHOD_SERVICE_WHOAMI_SYN_H

#include <stdbool.h>
#include <stdio.h>

/* Writes the members of the JSON object to TO: of the connection FD, which is a proxy's if PROXIED.
 * Those that are not known are null. */
void whoami_put_handshake(FILE *to, int fd, bool proxied);

#endif
