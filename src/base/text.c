#include "base/text.h"

#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int number_scan(const char **p, uint64_t *number)
{
    uint64_t n = 0;

    if (!isdigit((unsigned char)**p))
        return -EINVAL;
    for (; isdigit((unsigned char)**p); (*p)++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
            return -ERANGE;
    *number = n;
    return 0;
}

int number_parse(const char *text, uint64_t *number)
{
    uint64_t n;
    int r = number_scan(&text, &n);

    if (r < 0)
        return r;
    if (*text)
        return -EINVAL;
    *number = n;
    return 0;
}

char *text_copy(const char *text)
{
    return memory_had(strdup(text));
}

char *text_copy_n(const char *text, size_t len)
{
    return memory_had(strndup(text, len));
}

void text_append(char *buf, size_t size, const char *format, ...)
{
    size_t used = strnlen(buf, size);
    va_list args;

    if (used + 1 >= size)
        return;
    va_start(args, format);
    vsnprintf(buf + used, size - used, format, args);
    va_end(args);
}
