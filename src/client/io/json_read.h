/*
 * Reads members of a JSON object from an untrusted source (RFC 8259).
 */
#ifndef ECHOD_CLIENT_IO_JSON_READ_H
#define ECHOD_CLIENT_IO_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

/* A value where it stands in the text: of a string, what is between the quotes. */
enum json_type { JSON_OTHER, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL };
struct json_value {
    enum json_type type;
    const char *at;
    size_t len;
};

/* Finds the first member KEY of the object TEXT. Returns whether there is one, and nothing before
 * its end that cannot be read; members of objects within are not looked at. */
bool json_find(const char *text, const char *key, struct json_value *value);

/* Whether TEXT is one object, from its first brace to its last, with nothing but spaces after it.
 */
bool json_is_object(const char *text);

/* The string VALUE without its escapes, cut at SIZE, in BUF; a \u beyond ASCII becomes a question
 * mark. Returns whether it is a string; BUF is empty if not. */
bool json_text(const struct json_value *value, char *buf, size_t size);

/* The number VALUE, a whole one from 0 to MOST; -1 for anything else. */
int json_number(const struct json_value *value, int most);

#endif
