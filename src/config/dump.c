#include "config/dump.h"

#include "base/escape.h"
#include "config/options.h"

#include <string.h>

/* The longest line of a dump. inih reads at most 198 bytes of a line, even of a comment. */
#define DUMP_LINE_MAX 190

/* Formats the origin for a comment, with the file name escaped. */
static void origin_format(struct origin origin, char *buf, size_t size)
{
    char safe[ESCAPED_SIZE(VALUE_TEXT_MAX)];

    buf[0] = '\0';
    if (!origin.file) {
        text_append(buf, size, "default");
        return;
    }
    escape_bytes(safe, origin.file, strnlen(origin.file, VALUE_TEXT_MAX), "\\");
    text_append(buf, size, "%s:%u", safe, origin.line);
}

/* Removes the spaces from the list "a, b, c". */
static void squeeze_list(char *list)
{
    char *to = list;

    for (const char *from = list; *from; from++)
        if (*from != ' ')
            *to++ = *from;
    *to = '\0';
}

/* Keeps the line within inih's limit: if it is too long, spaces are left out and the comment gets a
 * line of its own. A value that begins with a semicolon must not follow a space, which would make
 * it a comment. */
static void dump_line(const struct option_row *row, char *value, struct origin where, FILE *out)
{
    char origin[VALUE_TEXT_MAX], line[2 * VALUE_TEXT_MAX];

    origin_format(where, origin, sizeof(origin));
    int len = snprintf(line, sizeof(line), "%-15s = %-24s ; %s", row->name, value, origin);
    if (len < DUMP_LINE_MAX && value[0] != ';') {
        fprintf(out, "%s\n", line);
        return;
    }
    if (row->type->list)
        squeeze_list(value);
    fprintf(out, "; %.*s\n%s=%s\n", DUMP_LINE_MAX - 2, origin, row->name, value);
}

/* Splits the list over as many lines as needed: each line adds to the list. */
static void dump_list(const struct option_row *row, const struct section *section, FILE *out)
{
    size_t room = DUMP_LINE_MAX - strlen(row->name), count = option_items(row, section);
    char value[VALUE_TEXT_MAX];

    for (size_t from = 0, to; from < count || from == 0; from = to) {
        to = option_format_items(row, section, from, room, value, sizeof(value));
        dump_line(row, value, option_item_origin(row, section, from), out);
        if (count == 0)
            return;
    }
}

static void dump_value(const struct option_row *row, const struct section *section, FILE *out)
{
    char value[VALUE_TEXT_MAX];

    if (row->type->list) {
        dump_list(row, section, out);
        return;
    }
    option_format(row, option_field(row, section), value, sizeof(value));
    dump_line(row, value, *option_origin(row, section), out);
}

void settings_dump(const struct settings *settings, FILE *out)
{
    for (size_t s = 0; s < settings->section_count; s++) {
        const struct section *section = &settings->sections[s];
        fprintf(out, "%s[%s]\n", s ? "\n" : "", section->name);
        for (size_t i = 0; i < option_count; i++)
            if (option_table[i].section == section->kind &&
                !option_is_idle(&option_table[i], section))
                dump_value(&option_table[i], section, out);
    }
}
