/*
 * What the verbs print on standard output: lines for people, or objects of JSON, one a line.
 */
#ifndef ECHOD_CLIENT_IO_OUTPUT_H
#define ECHOD_CLIENT_IO_OUTPUT_H

#include "base/macros.h"
#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enough for a time as output_time() writes it. */
#define TIME_TEXT_MAX 32

/* A line for people. */
void output_line(const char *format, ...) PRINTF_LIKE(1, 2);

/* NS nanoseconds in milliseconds, with as many digits as are worth reading: "0.031", "1204". */
const char *output_time(uint64_t ns, char *buf);

/* An object: its type, its members, its end. Bytes from elsewhere are escaped (base/escape.h). */
void output_begin(const char *type);
void output_text(const char *key, const char *text);
void output_bytes(const char *key, const void *data, size_t len);
void output_address(const char *key, const struct address *a);
void output_count(const char *key, uint64_t count);
void output_milliseconds(const char *key, uint64_t ns);
void output_end(void);

/* Ends one that is not worth a write(2) of its own. */
void output_end_one_of_many(void);

/* Ends a summary, which has the exit STATUS. */
void output_end_summary(int status);

/* The object of a failure, of ADDRESS or (NULL) before there is one. */
void output_error(const struct address *address, const char *reason);

/* Whether everything has been written so far: there may be nobody who reads it any more. */
bool output_works(void);

#endif
