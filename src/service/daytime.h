/*
 * The line of the service daytime.
 */
#ifndef ECHOD_SERVICE_DAYTIME_H
#define ECHOD_SERVICE_DAYTIME_H

#include <stddef.h>

#define DAYTIME_SIZE 64

/* Writes the line for now, which ends with CR LF, into BUF, of DAYTIME_SIZE bytes. Returns its
 * length. */
size_t daytime_format(char *buf, size_t size);

#endif
