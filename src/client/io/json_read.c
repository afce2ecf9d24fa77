#include "client/io/json_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_spaces(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* Returns the quote that ends the string whose first character is at P, or NULL. */
static const char *string_end(const char *p)
{
    for (; *p != '"'; p++) {
        if (*p == '\\')
            p++;
        if (!*p)
            return NULL;
    }
    return p;
}

/* Returns the end of the object or array that begins at P, or NULL. Only counts its brackets. */
static const char *compound_end(const char *p)
{
    size_t depth = 0;

    for (; *p; p++) {
        if (*p == '"' && !(p = string_end(p + 1)))
            return NULL;
        if (*p == '{' || *p == '[')
            depth++;
        if ((*p == '}' || *p == ']') && --depth == 0)
            return p + 1;
    }
    return NULL;
}

static enum json_type word_type(const struct json_value *v)
{
    static const struct {
        const char *word;
        enum json_type type;
    } words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (v->len == strlen(words[i].word) && memcmp(v->at, words[i].word, v->len) == 0)
            return words[i].type;
    return isdigit((unsigned char)*v->at) || *v->at == '-' ? JSON_NUMBER : JSON_OTHER;
}

/* Reads the value at P. Returns its end, or NULL. */
static const char *read_value(const char *p, struct json_value *v)
{
    const char *end;

    *v = (struct json_value){.type = JSON_OTHER, .at = p};
    if (*p == '"') {
        v->type = JSON_STRING;
        v->at = p + 1;
        end = string_end(p + 1);
        v->len = end ? (size_t)(end - v->at) : 0;
        return end ? end + 1 : NULL;
    }
    if (*p == '{' || *p == '[') {
        end = compound_end(p);
        v->len = end ? (size_t)(end - p) : 0;
        return end;
    }
    v->len = strcspn(p, ",}] \t\r\n\"");
    v->type = word_type(v);
    return v->len > 0 ? p + v->len : NULL;
}

/* Reads the member at P. Returns the comma or brace that follows it, or NULL. */
static const char *read_member(const char *p, struct json_value *key, struct json_value *value)
{
    if (*p != '"')
        return NULL;
    p = read_value(p, key);
    if (!p || *(p = skip_spaces(p)) != ':')
        return NULL;
    p = read_value(skip_spaces(p + 1), value);
    return p ? skip_spaces(p) : NULL;
}

/* Returns the end of the object TEXT or, if WANTED is not NULL, of that member of it. Returns NULL
 * if TEXT is invalid or has no such member. */
static const char *walk(const char *text, const char *wanted, struct json_value *value)
{
    const char *p = skip_spaces(text);
    struct json_value key;

    if (*p++ != '{')
        return NULL;
    p = skip_spaces(p);
    if (*p == '}')
        return wanted ? NULL : p + 1;
    for (;;) {
        p = read_member(p, &key, value);
        if (!p)
            return NULL;
        if (wanted && key.len == strlen(wanted) && memcmp(key.at, wanted, key.len) == 0)
            return p;
        if (*p == '}')
            return wanted ? NULL : p + 1;
        if (*p != ',')
            return NULL;
        p = skip_spaces(p + 1);
    }
}

bool json_find(const char *text, const char *key, struct json_value *value)
{
    if (walk(text, key, value))
        return true;
    *value = (struct json_value){.type = JSON_OTHER, .at = text};
    return false;
}

bool json_is_object(const char *text)
{
    struct json_value value;
    const char *end = walk(text, NULL, &value);

    return end && *skip_spaces(end) == '\0';
}

/* Returns the character with the four hexadecimal digits at P, or '?' if it is not ASCII. */
static char code_point(const char *p)
{
    char digits[5] = {p[0], p[1], p[2], p[3]};
    unsigned long number = strtoul(digits, NULL, 16);

    return number > 0 && number < 0x80 ? (char)number : '?';
}

/* Returns the character that the escape at *P, after its backslash, stands for. Moves *P to the
 * last byte of the escape. */
static char unescape(const char **p, const char *end)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *found = strchr(from, **p);

    if (**p == 'u' && end - *p > 4) {
        *p += 4;
        return code_point(*p - 3);
    }
    return found && **p ? to[found - from] : **p;
}

bool json_text(const struct json_value *value, char *buf, size_t size)
{
    const char *end = value->at + value->len;
    size_t used = 0;

    buf[0] = '\0';
    if (value->type != JSON_STRING)
        return false;
    for (const char *p = value->at; p < end && used + 1 < size; p++) {
        char c = *p;
        if (c == '\\' && p + 1 < end) {
            p++;
            c = unescape(&p, end);
        }
        buf[used++] = c;
    }
    buf[used] = '\0';
    return true;
}

int json_number(const struct json_value *value, int most)
{
    int number = 0;

    if (value->type != JSON_NUMBER || value->len > 9)
        return -1;
    for (size_t i = 0; i < value->len; i++) {
        if (!isdigit((unsigned char)value->at[i]))
            return -1;
        number = 10 * number + (value->at[i] - '0');
    }
    return number <= most ? number : -1;
}
