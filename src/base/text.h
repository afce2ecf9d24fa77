/*
 * Text: parsing numbers, copying, appending to a buffer.
 */
#ifndef ECHOD_BASE_TEXT_H
#define ECHOD_BASE_TEXT_H

#include "base/macros.h"

#include <stddef.h>
#include <stdint.h>

/* A text with its length, which may have NUL bytes. */
struct text {
    char *data; /* LEN bytes and a NUL; NULL only with a LEN of 0 */
    size_t len;
};

/*
 * Reads the decimal digits at *P into *NUMBER and moves *P past them.
 * Returns 0, -EINVAL if there is no digit, -ERANGE beyond 64 bits.
 */
int number_scan(const char **p, uint64_t *number);

/* Like number_scan() for a whole TEXT: trailing characters are -EINVAL. */
int number_parse(const char *text, uint64_t *number);

/* Return a copy of TEXT, or of its first LEN bytes, which the caller frees (memory.h). */
char *text_copy(const char *text);
char *text_copy_n(const char *text, size_t len);

/* Returns the ending of a noun for COUNT things: "" or "s". */
static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Appends formatted text to the string in BUF, truncated at SIZE. */
void text_append(char *buf, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
