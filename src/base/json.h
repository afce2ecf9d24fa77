/*
 * JSON, as far as it is written here (RFC 8259).
 */
#ifndef ECHOD_BASE_JSON_H
#define ECHOD_BASE_JSON_H

#include <stdio.h>

/* Writes TEXT, which has to be UTF-8 (escape.h makes it so), to TO as a string in quotes. */
void json_string(const char *text, FILE *to);

#endif
