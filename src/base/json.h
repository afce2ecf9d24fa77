/*
 * Writing JSON (RFC 8259).
 */
#ifndef ECHOD_BASE_JSON_H
#define ECHOD_BASE_JSON_H

#include <stdio.h>

/* Writes TEXT, which must be UTF-8 (see escape.h), to TO as a string in quotes. */
void json_string(const char *text, FILE *to);

#endif
