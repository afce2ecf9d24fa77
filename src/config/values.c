#include "config/values.h"

#include "base/duration.h"
#include "base/escape.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int value_reject(char *reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(reason, REASON_MAX, format, args);
    va_end(args);
    return -EINVAL;
}

const char *value_hint(const char *text)
{
    if (strchr("\"'", *text))
        return *text ? "; quotes have no special meaning: remove them" : "";
    return strchr(text, ';') || *text == '#' || strstr(text, " #")
               ? "; a comment after a value begins with \" ;\""
               : "";
}

/* Formats a bound as a value of TYPE. */
static void bound_format(const struct value_type *type, uint64_t bound, char *buf, size_t size)
{
    if (type == &type_duration || type == &type_count || type == &type_size)
        type->format(NULL, &bound, buf, size);
    else
        snprintf(buf, size, type == &type_mode ? "%04llo" : "%llu", (unsigned long long)bound);
}

void value_range(const struct value_type *type, const struct value_rule *rule, char *buf,
                 size_t size)
{
    char low[VALUE_TEXT_MAX], high[VALUE_TEXT_MAX];

    buf[0] = '\0';
    if (rule->choices) {
        for (const struct choice *c = rule->choices; c->name; c++)
            text_append(buf, size, "%s%s", buf[0] ? " | " : "", c->name);
    } else if (rule->max > 0) {
        bound_format(type, rule->min, low, sizeof(low));
        bound_format(type, rule->max, high, sizeof(high));
        text_append(buf, size, "%s to %s", low, high);
    }
}

/* Checks NUMBER against the range of RULE. R is the result of scanning it from TEXT. */
static int check_range(const struct value_type *type, const struct value_rule *rule, int r,
                       uint64_t number, const char *text, char *reason)
{
    char range[VALUE_TEXT_MAX];

    value_range(type, rule, range, sizeof(range));
    if (r == -EINVAL)
        return value_reject(reason, "\"%.198s\" is not a %s%s%s (%s)", text, type->name,
                            type->example ? " such as " : "", type->example ? type->example : "",
                            range);
    if (r < 0 || number < rule->min || number > rule->max)
        return value_reject(reason, "%.198s is out of range (%s)", text, range);
    return 0;
}

/* ---- booleans ---- */

static int bool_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

    (void)rule;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(words[i], text) == 0) {
            *(bool *)field = i % 2;
            return 0;
        }
    }
    return value_reject(reason, "\"%.198s\" is neither yes nor no", text);
}

static void bool_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    (void)rule;
    snprintf(buf, size, "%s", *(const bool *)field ? "yes" : "no");
}

const struct value_type type_bool = {.name = "boolean", .parse = bool_parse, .format = bool_format};

/* ---- numbers ---- */

static int count_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    uint64_t number = 0;
    int r = number_parse(text, &number);

    r = check_range(&type_count, rule, r, number, text, reason);
    if (r == 0)
        *(uint64_t *)field = number;
    return r;
}

static void count_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    (void)rule;
    snprintf(buf, size, "%llu", (unsigned long long)*(const uint64_t *)field);
}

const struct value_type type_count = {
    .name = "number", .parse = count_parse, .format = count_format};

/* Parses "1024", "16K", "1M": bytes, with factors of 1024 as in systemd. */
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

static int size_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    uint64_t bytes = 0;
    int r = size_scan(text, &bytes);

    r = check_range(&type_size, rule, r, bytes, text, reason);
    if (r == 0)
        *(uint64_t *)field = bytes;
    return r;
}

const struct value_type type_size = {
    .name = "size", .example = "16K", .parse = size_parse, .format = count_format};

static int duration_value_parse(const struct value_rule *rule, const char *text, void *field,
                                char *reason)
{
    uint64_t usec = 0;
    int r = duration_parse(text, &usec);

    r = check_range(&type_duration, rule, r, usec, text, reason);
    if (r == 0)
        *(uint64_t *)field = usec;
    return r;
}

static void duration_value_format(const struct value_rule *rule, const void *field, char *buf,
                                  size_t size)
{
    (void)rule;
    duration_format(*(const uint64_t *)field, buf, size);
}

const struct value_type type_duration = {.name = "time span",
                                         .example = "90s or 1min 30s",
                                         .parse = duration_value_parse,
                                         .format = duration_value_format};

/* Whether MODE is plausible for a socket: its owner can use it, the group has no more permissions
 * than the owner, and others no more than the group. */
static bool mode_makes_sense(unsigned long mode)
{
    unsigned long owner = mode >> 6 & 7, group = mode >> 3 & 7, other = mode & 7;

    return mode <= 0777 && (owner & 6) == 6 && (group & ~owner) == 0 && (other & ~group) == 0;
}

/* Octal digits. Without a leading 0, an implausible mode may be a decimal number, as some programs
 * print it: 432 is 0660. */
static int mode_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    size_t digits = strspn(text, "0123456789");
    bool octal = digits > 0 && digits <= 5 && !text[digits] && strspn(text, "01234567") == digits;
    unsigned long mode = strtoul(text, NULL, 8), decimal = strtoul(text, NULL, 10);

    if (digits == 3 && !text[digits] && text[0] != '0' && mode_makes_sense(decimal) &&
        !(octal && mode_makes_sense(mode)))
        return value_reject(reason,
                            "%s is not a usual mode in octal digits: did you mean 0%lo, which is "
                            "%s in decimal? (if not, write 0%s)",
                            text, decimal, text, text);
    if (!octal || mode > rule->max)
        return value_reject(reason, "\"%.198s\" is not a mode (octal, 0 to 0777)", text);
    if (text[0] != '0' && !mode_makes_sense(mode))
        return value_reject(reason,
                            "%s is an odd mode for a socket: did you mean 0660 or 0666? (if not, "
                            "write 0%s)",
                            text, text);
    *(unsigned *)field = (unsigned)mode;
    return 0;
}

static void mode_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    (void)rule;
    snprintf(buf, size, "%04o", *(const unsigned *)field);
}

const struct value_type type_mode = {.name = "mode", .parse = mode_parse, .format = mode_format};

static int port_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    uint64_t number;
    int r = number_parse(text, &number);

    if (r == -EINVAL) {
        const struct servent *entry = getservbyname(text, NULL);
        if (!entry)
            return value_reject(reason,
                                "\"%.198s\" is neither a port (0 to 65535) nor a name in "
                                "/etc/services",
                                text);
        number = ntohs((uint16_t)entry->s_port);
    } else if (r < 0 || number > rule->max) {
        return value_reject(reason, "%.198s is out of range (0 to 65535)", text);
    }
    *(uint16_t *)field = (uint16_t)number;
    return 0;
}

static void port_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    (void)rule;
    snprintf(buf, size, "%u", (unsigned)*(const uint16_t *)field);
}

const struct value_type type_port = {.name = "port", .parse = port_parse, .format = port_format};

/* ---- choices ---- */

const struct choice *choice_of(const struct value_rule *rule, unsigned value)
{
    for (const struct choice *c = rule->choices; c && c->name; c++)
        if (c->value == value)
            return c;
    return NULL;
}

static int choice_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    char range[VALUE_TEXT_MAX];

    for (const struct choice *c = rule->choices; c->name; c++) {
        if (strcmp(c->name, text) == 0) {
            *(unsigned *)field = c->value;
            return 0;
        }
    }
    for (const struct choice *c = rule->choices; c->name; c++)
        if (strcasecmp(c->name, text) == 0)
            return value_reject(reason, "\"%.198s\" is unknown; did you mean %s?", text, c->name);
    value_range(&type_choice, rule, range, sizeof(range));
    return value_reject(reason, "\"%.198s\" is not one of %s", text, range);
}

static void choice_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    const struct choice *c = choice_of(rule, *(const unsigned *)field);

    snprintf(buf, size, "%s", c ? c->name : "?");
}

const struct value_type type_choice = {
    .name = "choice", .parse = choice_parse, .format = choice_format};

/* ---- text ---- */

static int text_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    (void)rule;
    for (const char *p = text; *p; p++)
        if (iscntrl((unsigned char)*p) && *p != '\t')
            return value_reject(reason, "it contains a control character: write that as \\x%02x",
                                (unsigned)(unsigned char)*p);
    char *data = text_copy(text);
    int len = unescape_text(data, text);
    if (len < 0) {
        free(data);
        return value_reject(reason,
                            "a backslash begins \\n, \\r, \\t, \\\\ or \\xNN (two hex digits)");
    }
    *(struct text *)field = (struct text){.data = data, .len = (size_t)len};
    return 0;
}

static void text_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    const struct text *text = field;

    (void)rule;
    escape_text(buf, size, text->data, text->len);
}

static void text_clear(void *field)
{
    free(((struct text *)field)->data);
    *(struct text *)field = (struct text){0};
}

const struct value_type type_text = {.name = "text",
                                     .parse = text_parse,
                                     .format = text_format,
                                     .clear = text_clear,
                                     .size = sizeof(struct text)};
