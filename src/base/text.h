/*
 * Text: numbers in it, copies of it, the end of a buffer of it.
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
 * Returns 0, -EINVAL where no digit stands, -ERANGE beyond 64 bits.
 */
int number_scan(const char **p, uint64_t *number);

/* Like number_scan(), of a whole TEXT: trailing characters are -EINVAL. */
int number_parse(const char *text, uint64_t *number);

/* A copy of TEXT, or of its first LEN bytes: the caller frees it (memory.h). */
char *text_copy(const char *text);
char *text_copy_n(const char *text, size_t len);

/* What a noun ends in that COUNT things have. */
static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* The end of BUF (which ends in NUL): appends formatted text, cut at SIZE. */
void text_append(char *buf, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
