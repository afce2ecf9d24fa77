/*
 * The option types that are lists.
 */
#include "base/memory.h"
#include "config/values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Calls TAKE with each item of TEXT, a list separated by commas, without surrounding spaces.
 * An empty TEXT has no items; an empty item is an error.
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
            r = value_reject(reason, "the list has an empty item between two commas");
        else if (item[len + strspn(item + len, " \t")])
            r = value_reject(reason, "separate the items of a list by commas: \"%.198s\"", item);
        else {
            item[len] = '\0';
            r = take(list, item, reason);
        }
    }
    free(copy);
    return r;
}

/* ---- words ---- */

static void words_clear(void *field)
{
    struct words *words = field;

    for (size_t i = 0; i < words->count; i++)
        free(words->item[i]);
    free(words->item);
    free(words->line);
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

static int words_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    struct words words = {0};
    int r = each_item(text, &words, reason, word_take);

    (void)rule;
    if (r < 0)
        words_clear(&words);
    else
        *(struct words *)field = words;
    return r;
}

static void words_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    const struct words *words = field;

    (void)rule;
    buf[0] = '\0';
    for (size_t i = 0; i < words->count; i++)
        text_append(buf, size, "%s%s", i ? ", " : "", words->item[i]);
}

static size_t words_count(const void *field)
{
    return ((const struct words *)field)->count;
}

static unsigned words_line(const void *field, size_t index)
{
    const struct words *words = field;

    return index < words->line_count ? words->line[index] : 0;
}

static void words_set_line(void *field, unsigned line)
{
    struct words *words = field;

    while (words->line_count < words->count)
        words->line = array_append(words->line, &words->line_count, sizeof(*words->line));
    for (size_t i = 0; i < words->line_count; i++)
        words->line[i] = line;
}

static void words_format_item(const void *field, size_t index, char *buf, size_t size)
{
    snprintf(buf, size, "%s", ((const struct words *)field)->item[index]);
}

static void words_append(void *field, void *more)
{
    struct words *to = field, *from = more;

    for (size_t i = 0; i < from->count; i++) {
        to->item = array_append(to->item, &to->count, sizeof(*to->item));
        to->item[to->count - 1] = from->item[i];
        to->line = array_append(to->line, &to->line_count, sizeof(*to->line));
        to->line[to->line_count - 1] = words_line(from, i);
    }
    from->count = 0;
    words_clear(from);
}

static const struct list_type words_list = {
    words_count, words_line, words_set_line, words_format_item, words_append, NULL,
};

const struct value_type type_words = {.name = "list",
                                      .parse = words_parse,
                                      .format = words_format,
                                      .clear = words_clear,
                                      .size = sizeof(struct words),
                                      .list = &words_list};

/* ---- ranges of addresses ---- */

static void ranges_clear(void *field)
{
    cidrs_free(field);
}

static int range_take(void *list, const char *item, char *reason)
{
    struct cidrs *cidrs = list;
    struct cidr cidr;

    switch (cidr_parse(&cidr, item)) {
    case 0:
        cidrs->item = array_append(cidrs->item, &cidrs->count, sizeof(*cidrs->item));
        cidrs->item[cidrs->count - 1] = cidr;
        return 0;
    case -ERANGE:
        return value_reject(reason, "%.198s: the prefix is longer than the address", item);
    case -EDOM:
        return value_reject(
            reason, "%.198s has bits set after its prefix; for a single address, omit the /", item);
    case -ENODEV:
        return value_reject(
            reason,
            "%.198s: only a link-local address (fe80::/10) may name an interface: fe80::1%%eth0, "
            "fe80::%%eth0/64",
            item);
    default:
        return value_reject(reason, "\"%.198s\" is not an address or ADDRESS/BITS", item);
    }
}

static int ranges_parse(const struct value_rule *rule, const char *text, void *field, char *reason)
{
    struct cidrs cidrs = {0};
    int r = each_item(text, &cidrs, reason, range_take);

    (void)rule;
    if (r < 0)
        ranges_clear(&cidrs);
    else
        *(struct cidrs *)field = cidrs;
    return r;
}

static void ranges_format(const struct value_rule *rule, const void *field, char *buf, size_t size)
{
    const struct cidrs *cidrs = field;
    char text[CIDR_TEXT_MAX];

    (void)rule;
    buf[0] = '\0';
    for (size_t i = 0; i < cidrs->count; i++)
        text_append(buf, size, "%s%s", i ? ", " : "",
                    cidr_format(&cidrs->item[i], text, sizeof(text)));
}

static size_t ranges_count(const void *field)
{
    return ((const struct cidrs *)field)->count;
}

static unsigned ranges_line(const void *field, size_t index)
{
    return ((const struct cidrs *)field)->item[index].line;
}

static void ranges_set_line(void *field, unsigned line)
{
    struct cidrs *cidrs = field;

    for (size_t i = 0; i < cidrs->count; i++)
        cidrs->item[i].line = line;
}

static void ranges_format_item(const void *field, size_t index, char *buf, size_t size)
{
    cidr_format(&((const struct cidrs *)field)->item[index], buf, size);
}

static void ranges_append(void *field, void *more)
{
    struct cidrs *to = field, *from = more;

    for (size_t i = 0; i < from->count; i++) {
        to->item = array_append(to->item, &to->count, sizeof(*to->item));
        to->item[to->count - 1] = from->item[i];
    }
    cidrs_free(from);
}

static void ranges_complete(void *field)
{
    cidrs_index(field);
}

static const struct list_type ranges_list = {
    ranges_count, ranges_line, ranges_set_line, ranges_format_item, ranges_append, ranges_complete,
};

const struct value_type type_cidrs = {.name = "CIDR list",
                                      .parse = ranges_parse,
                                      .format = ranges_format,
                                      .clear = ranges_clear,
                                      .size = sizeof(struct cidrs),
                                      .list = &ranges_list};
