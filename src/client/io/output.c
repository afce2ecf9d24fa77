#include "client/io/output.h"

#include "base/escape.h"
#include "base/json.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void output_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

const char *output_time(uint64_t ns, char *buf)
{
    double ms = (double)ns / 1e6;
    int digits = ms < 10 ? 3 : ms < 100 ? 2 : ms < 1000 ? 1 : 0;

    snprintf(buf, TIME_TEXT_MAX, "%.*f", digits, ms);
    return buf;
}

static void put_key(const char *key)
{
    printf(", \"%s\": ", key);
}

void output_begin(const char *type)
{
    fputs("{\"type\": ", stdout);
    json_string(type, stdout);
}

void output_text(const char *key, const char *text)
{
    put_key(key);
    json_string(text, stdout);
}

void output_bytes(const char *key, const void *data, size_t len)
{
    char *escaped = memory_zeroed(1, ESCAPED_SIZE(len));

    escape_bytes(escaped, data, len, "\n\t\r");
    output_text(key, escaped);
    free(escaped);
}

void output_address(const char *key, const struct address *a)
{
    char text[ADDRESS_TEXT_MAX];

    output_text(key, address_format(a, text, sizeof(text)));
}

void output_count(const char *key, uint64_t count)
{
    put_key(key);
    printf("%" PRIu64, count);
}

void output_milliseconds(const char *key, uint64_t ns)
{
    put_key(key);
    printf("%" PRIu64 ".%06" PRIu64, ns / 1000000, ns % 1000000);
}

void output_end_one_of_many(void)
{
    fputs("}\n", stdout);
}

void output_end(void)
{
    output_end_one_of_many();
    fflush(stdout);
}

void output_end_summary(int status)
{
    output_count("status", (uint64_t)status);
    output_end();
}

void output_error(const struct address *address, const char *reason)
{
    output_begin("error");
    if (address)
        output_address("address", address);
    output_text("reason", reason);
    output_end();
}

bool output_works(void)
{
    return !ferror(stdout);
}
