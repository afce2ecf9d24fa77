#include "base/escape.h"

#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Returns the length of a UTF-8 sequence that begins with BYTE (RFC 3629), or 0 if none does. */
static size_t sequence_length(unsigned char byte)
{
    if (byte < 0x80)
        return 1;
    if (byte >= 0xc2 && byte <= 0xdf)
        return 2;
    if ((byte & 0xf0) == 0xe0)
        return 3;
    return byte >= 0xf0 && byte <= 0xf4 ? 4 : 0;
}

/* Returns the code point of the N bytes at P, or -1 if they are not a valid sequence. */
static int32_t decode(const unsigned char *p, size_t n)
{
    static const int32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    int32_t c = n == 1 ? p[0] : p[0] & (0xff >> (n + 1));

    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return -1;
        c = c << 6 | (p[i] & 0x3f);
    }
    bool surrogate = c >= 0xd800 && c <= 0xdfff;
    return c < smallest[n] || surrogate || c > 0x10ffff ? -1 : c;
}

/* Whether C has the Unicode property Bidi_Control: it changes the order of the text around it. */
static bool is_bidi_control(int32_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* Whether a terminal would interpret C instead of showing it; also true of -1. */
static bool is_control(int32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || is_bidi_control(c);
}

/* Returns the length of the printable multibyte sequence at P, of at most LEFT bytes; 0 if none. */
static size_t printable_length(const unsigned char *p, size_t left)
{
    size_t n = sequence_length(*p);

    if (n < 2 || n > left)
        return 0;
    return is_control(decode(p, n)) ? 0 : n;
}

/* Bytes that are never escaped. A table, because most bytes of most texts need only this check. */
struct plain {
    bool is[256];
};

static struct plain plain_and(const char *keep)
{
    struct plain plain;

    for (int c = 0; c < 256; c++)
        plain.is[c] = c >= ' ' && c < 0x7f && c != '\\';
    for (; keep && *keep; keep++)
        plain.is[(unsigned char)*keep] = true;
    return plain;
}

static char *put_escape(char *out, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";

    *out++ = '\\';
    if (byte == '\\') {
        *out++ = '\\';
        return out;
    }
    *out++ = 'x';
    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 0xf];
    return out;
}

size_t escape_bytes(char *buf, const void *data, size_t len, const char *keep)
{
    const struct plain plain = plain_and(keep);
    const unsigned char *p = data, *end = p + len;
    char *out = buf;

    while (p < end) {
        if (plain.is[*p]) {
            *out++ = (char)*p++;
            continue;
        }
        size_t n = printable_length(p, (size_t)(end - p));
        if (n == 0)
            out = put_escape(out, *p++);
        for (; n > 0; n--)
            *out++ = (char)*p++;
    }
    *out = '\0';
    return (size_t)(out - buf);
}

void escape_disarm(char *text, const char *keep)
{
    const struct plain plain = plain_and(keep);
    char *end = text + strlen(text);

    while (text < end) {
        bool stays = plain.is[(unsigned char)*text] || *text == '\\';
        size_t n = stays ? 1 : printable_length((unsigned char *)text, (size_t)(end - text));
        if (n == 0)
            *text = '?';
        text += n > 0 ? n : 1;
    }
}

static int hex_digit(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -EINVAL;
}

/* The escapes with one letter, and the bytes that they stand for. */
static const char names[] = "\\nrt", bytes[] = "\\\n\r\t";

/* Returns the byte of the escape whose backslash precedes *P, and moves *P past it; -EINVAL for an
 * unknown escape. */
static int escaped_byte(const char **p)
{
    char name = *(*p)++;

    if (name == 'x') {
        int high = hex_digit(**p);
        int low = high < 0 ? high : hex_digit((*p)[1]);
        *p += 2;
        return low < 0 ? -EINVAL : high * 16 + low;
    }
    const char *found = name ? strchr(names, name) : NULL;
    return found ? bytes[found - names] : -EINVAL;
}

int unescape_text(char *buf, const char *text)
{
    char *out = buf;

    while (*text) {
        if (*text != '\\') {
            *out++ = *text++;
            continue;
        }
        text++;
        int byte = escaped_byte(&text);
        if (byte < 0)
            return byte;
        *out++ = (char)byte;
    }
    *out = '\0';
    return (int)(out - buf);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Whether byte I of TEXT has to be escaped in an INI file. That includes a space at either end, and
 * one before a semicolon, which would begin a comment. */
static bool is_lost(const char *text, size_t len, size_t i)
{
    unsigned char c = (unsigned char)text[i];

    if (is_space((char)c))
        return i == 0 || i + 1 == len || text[i + 1] == ';';
    return c < ' ' || c == '\\' || c == 0x7f;
}

void escape_text(char *buf, size_t size, const char *text, size_t len)
{
    buf[0] = '\0';
    for (size_t i = 0; i < len; i++) {
        const char *found = text[i] ? strchr(bytes, text[i]) : NULL;
        if (!is_lost(text, len, i))
            text_append(buf, size, "%c", text[i]);
        else if (found)
            text_append(buf, size, "\\%c", names[found - bytes]);
        else
            text_append(buf, size, "\\x%02x", (unsigned)(unsigned char)text[i]);
    }
}
