#include "log/record.h"

#include "base/escape.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define NUMBER_TEXT_MAX 20 /* digits of a uint64_t */

/* Appends "NAME=" and the formatted value. If it does not fit, it is truncated if CUT is set, else
 * omitted. */
static void append(struct record *record, bool cut, const char *name, const char *format,
                   va_list args)
{
    char *start = record->data + record->used;
    size_t room = record->size - record->used;
    int head = snprintf(start, room, "%s=", name);

    if (head < 0 || (size_t)head >= room)
        return;
    int body = vsnprintf(start + head, room - (size_t)head, format, args);
    if (body < 0 || (!cut && (size_t)head + (size_t)body >= room))
        return;
    escape_disarm(start, "\t");
    record->used += strlen(start) + 1;
}

void record_add(struct record *record, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append(record, false, name, format, args);
    va_end(args);
}

void record_add_number(struct record *record, const char *name, uint64_t number)
{
    char digits[NUMBER_TEXT_MAX];
    size_t head = strlen(name), first = sizeof(digits);

    do
        digits[--first] = (char)('0' + number % 10);
    while (number /= 10);
    size_t length = sizeof(digits) - first;
    if (head + length + 2 > record->size - record->used)
        return;
    char *to = record->data + record->used;
    memcpy(to, name, head);
    to[head] = '=';
    memcpy(to + head + 1, digits + first, length);
    to[head + 1 + length] = '\0';
    record->used += head + length + 2;
}

void record_event(struct record *record, enum event event)
{
    const struct event_meaning *meaning = event_meaning(event);

    record_add(record, "ECHOD_EVENT", "%s", meaning->name);
    record_add(record, "MESSAGE_ID", "%s", meaning->id);
}

/* Writes the LEN bytes at DATA, escaped, at offset AT, if there is room in the worst case. */
static void escape_at(struct record *record, size_t at, const void *data, size_t len,
                      const char *keep)
{
    if (ESCAPED_SIZE(len) <= record->size - at)
        record->used = at + escape_bytes(record->data + at, data, len, keep) + 1;
}

void record_add_escaped(struct record *record, const char *field, const char *keep)
{
    escape_at(record, record->used, field, strlen(field), keep);
}

void record_append(struct record *record, const void *data, size_t len, const char *keep)
{
    if (record->used > 0)
        escape_at(record, record->used - 1, data, len, keep);
}

/* RFC 3339, in UTC, with milliseconds. */
static void add_time(struct record *record)
{
    struct timeval now;
    struct tm tm;
    char text[32];

    gettimeofday(&now, NULL);
    gmtime_r(&now.tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    record_add(record, "ECHOD_TIME", "%s.%03dZ", text, (int)(now.tv_usec / 1000));
}

void record_start(struct record *record, char *buf, size_t size, int priority, const char *format,
                  ...)
{
    va_list args;

    *record = (struct record){.data = buf, .size = size};
    record_add(record, "PRIORITY", "%d", priority);
    add_time(record);
    va_start(args, format);
    append(record, true, "MESSAGE", format, args);
    va_end(args);
}

const char *record_next(const char *data, size_t len, const char *field)
{
    const char *next = field ? field + strlen(field) + 1 : data;

    /* The record is untrusted: without a NUL as its last byte, no string is certain to end. */
    return len > 0 && data[len - 1] == '\0' && next < data + len ? next : NULL;
}

const char *record_get(const char *data, size_t len, const char *name)
{
    size_t length = strlen(name);

    for (const char *f = NULL; (f = record_next(data, len, f)) != NULL;)
        if (strncmp(f, name, length) == 0 && f[length] == '=')
            return f + length + 1;
    return NULL;
}
