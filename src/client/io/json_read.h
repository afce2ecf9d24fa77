/*
 * Reads members of a JSON object from an untrusted source (RFC 8259).
 */
#ifndef ECHOD_CLIENT_IO_JSON_READ_H
#define ECHOD_CLIENT_IO_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

/* A value in place: .at points into the text; for a string, to the text between the quotes. */
enum json_type { JSON_OTHER, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL };
struct json_value {
    enum json_type type;
    const char *at;
    size_t len;
};

/* Finds the first member KEY of the object TEXT, not of nested objects. Returns false if there is
 * none, or if the text up to its end is invalid. */
bool json_find(const char *text, const char *key, struct json_value *value);

/* Whether TEXT is one object, from its first brace to its last, followed by nothing but spaces. */
bool json_is_object(const char *text);

/* Writes the string VALUE, unescaped and truncated to SIZE, into BUF; a \u escape beyond ASCII
 * becomes a question mark. Returns whether VALUE is a string; BUF is empty if not. */
bool json_text(const struct json_value *value, char *buf, size_t size);

/* The number VALUE, an integer from 0 to MOST; -1 for anything else. */
int json_number(const struct json_value *value, int most);

#endif
