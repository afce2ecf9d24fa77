/*
 * A text with its length, which may have NUL bytes.
 */
#ifndef ECHOD_BASE_TEXT_H
#define ECHOD_BASE_TEXT_H

#include <stddef.h>

struct text {
    char *data; /* LEN bytes and a NUL; NULL only with a LEN of 0 */
    size_t len;
};

#endif
