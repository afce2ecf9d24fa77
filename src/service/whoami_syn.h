/*
 * What whoami reports about the TCP handshake.
 */
#ifndef ECHOD_SERVICE_WHOAMI_SYN_H
#define ECHOD_SERVICE_WHOAMI_SYN_H

#include <stdbool.h>
#include <stdio.h>

/* Writes the members of the JSON object to TO, for the connection FD, which is that of a proxy if
 * PROXIED. Unknown values are null. */
void whoami_put_handshake(FILE *to, int fd, bool proxied);

#endif
