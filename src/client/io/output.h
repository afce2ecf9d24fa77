/*
 * The output of the verbs on standard output: lines of text, or JSON objects, one per line.
 */
#ifndef ECHOD_CLIENT_IO_OUTPUT_H
#define ECHOD_CLIENT_IO_OUTPUT_H

#include "base/macros.h"
#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enough for output_time(). */
#define TIME_TEXT_MAX 32

/* Prints a line of text. */
void output_line(const char *format, ...) PRINTF_LIKE(1, 2);

/* Writes NS nanoseconds in milliseconds, with the significant digits, into BUF: "0.031", "1204".
 * Returns BUF. */
const char *output_time(uint64_t ns, char *buf);

/* Print a JSON object: output_begin(), any number of members, output_end(). Text is escaped
 * (base/escape.h). */
void output_begin(const char *type);
void output_text(const char *key, const char *text);
void output_bytes(const char *key, const void *data, size_t len);
void output_address(const char *key, const struct address *a);
void output_count(const char *key, uint64_t count);
void output_milliseconds(const char *key, uint64_t ns);
void output_end(void);

/* Ends an object without flushing it, since many follow. */
void output_end_one_of_many(void);

/* Ends a summary with the member for the exit STATUS. */
void output_end_summary(int status);

/* Prints an object for a failure at ADDRESS; NULL: before any address was known. */
void output_error(const struct address *address, const char *reason);

/* Whether everything could be written so far; false once the reader is gone, for example. */
bool output_works(void);

#endif
