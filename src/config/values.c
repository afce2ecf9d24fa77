#include "config/values.h"

#include "base/escape.h"
#include "base/span.h"
#include "base/util.h"
#include "config/options.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Sets REASON and returns -EINVAL: the end of every parse that fails. */
static int reject(char *reason, const char *format, ...) PRINTF_LIKE(2, 3);
static int reject(char *reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(reason, REASON_MAX, format, args);
    va_end(args);
    return -EINVAL;
}

/* Checks NUMBER against the range of ROW, or R, the error of scanning it. */
static int check_range(const struct option_row *row, int r, uint64_t number, const char *text,
                       char *reason)
{
    char range[VALUE_TEXT_MAX];

    option_range(row, range, sizeof(range));
    if (r == -EINVAL)
        return reject(reason, "\"%.60s\" is not a %s (%s)", text, row->type->name, range);
    if (r < 0 || number < row->min || number > row->max)
        return reject(reason, "%.60s is out of range (%s)", text, range);
    return 0;
}

/* ---- yes and no ---- */

static int bool_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

    (void)row;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(words[i], text) == 0) {
            *(bool *)field = i % 2;
            return 0;
        }
    }
    return reject(reason, "\"%.60s\" is neither yes nor no", text);
}

static void bool_format(const struct option_row *row, const void *field, char *buf, size_t size)
{
    (void)row;
    snprintf(buf, size, "%s", *(const bool *)field ? "yes" : "no");
}

const struct value_type type_bool = {"boolean", bool_parse, bool_format, NULL};

/* ---- numbers ---- */

static int count_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    uint64_t number = 0;
    int r = number_parse(text, &number);

    r = check_range(row, r, number, text, reason);
    if (r == 0)
        *(uint64_t *)field = number;
    return r;
}

static void count_format(const struct option_row *row, const void *field, char *buf, size_t size)
{
    (void)row;
    snprintf(buf, size, "%llu", (unsigned long long)*(const uint64_t *)field);
}

const struct value_type type_count = {"number", count_parse, count_format, NULL};

/* "1024", "16K", "1M": bytes, by 1024 as systemd counts them. */
static int size_scan(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMG";
    int r = number_scan(&text, bytes);

    if (r < 0 || *text == '\0')
        return r;
    const char *unit = strchr(units, *text);
    if (!unit || text[1] != '\0')
        return -EINVAL;
    for (; unit >= units; unit--)
        if (__builtin_mul_overflow(*bytes, 1024, bytes))
            return -ERANGE;
    return 0;
}

static int size_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    uint64_t bytes = 0;
    int r = size_scan(text, &bytes);

    r = check_range(row, r, bytes, text, reason);
    if (r == 0)
        *(uint64_t *)field = bytes;
    return r;
}

const struct value_type type_size = {"size", size_parse, count_format, NULL};

static int span_value_parse(const struct option_row *row, const char *text, void *field,
                            char *reason)
{
    uint64_t usec = 0;
    int r = span_parse(text, &usec);

    r = check_range(row, r, usec, text, reason);
    if (r == 0)
        *(uint64_t *)field = usec;
    return r;
}

static void span_value_format(const struct option_row *row, const void *field, char *buf,
                              size_t size)
{
    (void)row;
    span_format(*(const uint64_t *)field, buf, size);
}

const struct value_type type_span = {"time span", span_value_parse, span_value_format, NULL};

static int mode_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    size_t digits = strspn(text, "01234567");
    unsigned long mode = strtoul(text, NULL, 8);

    if (digits == 0 || digits > 5 || text[digits] || mode > row->max)
        return reject(reason, "\"%.60s\" is not a mode (octal, 0 to 0777)", text);
    *(unsigned *)field = (unsigned)mode;
    return 0;
}

static void mode_format(const struct option_row *row, const void *field, char *buf, size_t size)
{
    (void)row;
    snprintf(buf, size, "%04o", *(const unsigned *)field);
}

const struct value_type type_mode = {"mode", mode_parse, mode_format, NULL};

static int port_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    uint64_t number;
    int r = number_parse(text, &number);

    if (r == -EINVAL) {
        const struct servent *entry = getservbyname(text, NULL);
        if (!entry)
            return reject(reason,
                          "\"%.60s\" is neither a port (0 to 65535) nor a name in "
                          "/etc/services",
                          text);
        number = ntohs((uint16_t)entry->s_port);
    } else if (r < 0 || number > row->max) {
        return reject(reason, "%.60s is not a port (0 to 65535)", text);
    }
    *(uint16_t *)field = (uint16_t)number;
    return 0;
}

static void port_format(const struct option_row *row, const void *field, char *buf, size_t size)
{
    (void)row;
    snprintf(buf, size, "%u", (unsigned)*(const uint16_t *)field);
}

const struct value_type type_port = {"port", port_parse, port_format, NULL};

/* ---- one of several words ---- */

const struct choice *choice_of(const struct option_row *row, unsigned value)
{
    for (const struct choice *c = row->choices; c && c->name; c++)
        if (c->value == value)
            return c;
    return NULL;
}

static int choice_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    char range[VALUE_TEXT_MAX];

    for (const struct choice *c = row->choices; c->name; c++) {
        if (strcmp(c->name, text) == 0) {
            *(unsigned *)field = c->value;
            return 0;
        }
    }
    option_range(row, range, sizeof(range));
    return reject(reason, "\"%.60s\" is not one of %s", text, range);
}

static void choice_format(const struct option_row *row, const void *field, char *buf, size_t size)
{
    const struct choice *c = choice_of(row, *(const unsigned *)field);

    snprintf(buf, size, "%s", c ? c->name : "?");
}

const struct value_type type_choice = {"choice", choice_parse, choice_format, NULL};

/* ---- text ---- */

static int text_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    (void)row;
    for (const char *p = text; *p; p++)
        if (iscntrl((unsigned char)*p) && *p != '\t')
            return reject(reason, "there is a control character in it: write it as \\x%02x",
                          (unsigned)(unsigned char)*p);
    char *data = text_copy(text);
    int len = unescape_text(data, text);
    if (len < 0) {
        free(data);
        return reject(reason, "a backslash begins \\n, \\r, \\t, \\\\ or \\xNN (two hex digits)");
    }
    *(struct text *)field = (struct text){.data = data, .len = (size_t)len};
    return 0;
}

static void text_format(const struct option_row *row, const void *field, char *buf, size_t size)
{
    const struct text *text = field;

    (void)row;
    escape_text(buf, size, text->data, text->len);
}

static void text_clear(void *field)
{
    free(((struct text *)field)->data);
    *(struct text *)field = (struct text){0};
}

const struct value_type type_text = {"text", text_parse, text_format, text_clear};

/* ---- lists ---- */

/*
 * Calls TAKE with each item of TEXT, which commas separate, blanks around them cut off.
 * An empty TEXT has no items, an empty item is an error.
 */
static int each_item(const char *text, void *list, char *reason,
                     int (*take)(void *list, const char *item, char *reason))
{
    char *copy = text_copy(text), *rest = copy, *item;
    int r = 0;

    while (r == 0 && text[strspn(text, " \t")] && (item = strsep(&rest, ",")) != NULL) {
        item += strspn(item, " \t");
        size_t len = strcspn(item, " \t");
        if (len == 0)
            r = reject(reason, "there is nothing between two commas of the list");
        else if (item[len + strspn(item + len, " \t")])
            r = reject(reason, "commas separate the items of a list: \"%.60s\"", item);
        else {
            item[len] = '\0';
            r = take(list, item, reason);
        }
    }
    free(copy);
    return r;
}

static void words_clear(void *field)
{
    struct words *words = field;

    for (size_t i = 0; i < words->count; i++)
        free(words->item[i]);
    free(words->item);
    *words = (struct words){0};
}

static int word_take(void *list, const char *item, char *reason)
{
    struct words *words = list;

    (void)reason;
    words->item = array_append(words->item, &words->count, sizeof(*words->item));
    words->item[words->count - 1] = text_copy(item);
    return 0;
}

static int words_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    struct words words = {0};
    int r = each_item(text, &words, reason, word_take);

    (void)row;
    if (r < 0)
        words_clear(&words);
    else
        *(struct words *)field = words;
    return r;
}

static void words_format(const struct option_row *row, const void *field, char *buf, size_t size)
{
    const struct words *words = field;

    (void)row;
    buf[0] = '\0';
    for (size_t i = 0; i < words->count; i++)
        text_append(buf, size, "%s%s", i ? ", " : "", words->item[i]);
}

const struct value_type type_words = {"list", words_parse, words_format, words_clear};

static void cidrs_clear(void *field)
{
    free(((struct cidrs *)field)->item);
    *(struct cidrs *)field = (struct cidrs){0};
}

static int cidr_take(void *list, const char *item, char *reason)
{
    struct cidrs *cidrs = list;
    struct cidr cidr;

    switch (cidr_parse(&cidr, item)) {
    case 0:
        cidrs->item = array_append(cidrs->item, &cidrs->count, sizeof(*cidrs->item));
        cidrs->item[cidrs->count - 1] = cidr;
        return 0;
    case -ERANGE:
        return reject(reason, "%.60s has more bits behind the / than such an address", item);
    case -EDOM:
        return reject(reason,
                      "%.60s has bits set behind its prefix; for one address, leave out "
                      "the /",
                      item);
    default:
        return reject(reason, "\"%.60s\" is not an address or ADDRESS/BITS", item);
    }
}

static int cidrs_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    struct cidrs cidrs = {0};
    int r = each_item(text, &cidrs, reason, cidr_take);

    (void)row;
    if (r < 0)
        cidrs_clear(&cidrs);
    else
        *(struct cidrs *)field = cidrs;
    return r;
}

static void cidrs_format(const struct option_row *row, const void *field, char *buf, size_t size)
{
    const struct cidrs *cidrs = field;
    char text[CIDR_TEXT_MAX];

    (void)row;
    buf[0] = '\0';
    for (size_t i = 0; i < cidrs->count; i++)
        text_append(buf, size, "%s%s", i ? ", " : "",
                    cidr_format(&cidrs->item[i], text, sizeof(text)));
}

const struct value_type type_cidrs = {"CIDR list", cidrs_parse, cidrs_format, cidrs_clear};
