/*
 * A log record: named fields, as in the journal (systemd.journal-fields(7)).
 *
 * On its way to the scribe a record is a sequence of "NAME=value" strings, each ended by a NUL;
 * values are text without control characters (escape.h), so that they cannot forge a field or a
 * line. Remaining control characters, and characters that are cut, become question marks.
 */
#ifndef ECHOD_LOG_RECORD_H
#define ECHOD_LOG_RECORD_H

#include "base/macros.h"
#include "log/event.h"

#include <stdint.h>

/* Enough for every record but those of messages. */
#define RECORD_MAX 2048

struct record {
    char *data;
    size_t size; /* of the buffer */
    size_t used;
};

/*
 * Begins a record in BUF, of SIZE bytes, which the caller owns: PRIORITY as in syslog(3), the
 * time, and MESSAGE. What does not fit is cut.
 */
void record_start(struct record *record, char *buf, size_t size, int priority, const char *format,
                  ...) PRINTF_LIKE(5, 6);

/* Adds the field NAME. A field that does not fit is left out whole. */
void record_add(struct record *record, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same with the value NUMBER, in less time: a session has a dozen of them. */
void record_add_number(struct record *record, const char *name, uint64_t number);

/* Adds ECHOD_EVENT and MESSAGE_ID of EVENT. */
void record_event(struct record *record, enum event event);

/* Adds FIELD, "NAME=value", as escape_bytes() writes it with KEEP. For what is long: it is left out
 * unless there is room for ESCAPED_SIZE() of it, and read once. */
void record_add_escaped(struct record *record, const char *field, const char *keep);

/* Appends the LEN bytes at DATA to the value that was added last, in the same way. */
void record_append(struct record *record, const void *data, size_t len, const char *keep);

/* The value of the field NAME of the LEN bytes DATA of a record, or NULL. */
const char *record_get(const char *data, size_t len, const char *name);

/* The field after FIELD (NULL: the first); NULL behind the last, or where DATA is no record. */
const char *record_next(const char *data, size_t len, const char *field);

#endif
