/*
 * The option table: one row per option, which drives parsing, defaults, --dump-config,
 * --list-options and the checks of the manual.
 */
#ifndef ECHOD_CONFIG_OPTIONS_H
#define ECHOD_CONFIG_OPTIONS_H

#include "config/settings.h"

struct option_row {
    enum section_kind section;
    const char *name;
    const struct value_type *type;
    size_t offset;        /* of the field in the struct of the section */
    const char *fallback; /* the default, as text */
    struct value_rule rule;
    /* An option that has an effect only if WITH, another option of its section, has the value
     * IF_VALUE, or does not have the value UNLESS. Several values are separated by " | ". */
    const char *with, *if_value, *unless;
    const char *help;
};

extern const struct option_row option_table[];
extern const size_t option_count;

/* The row of option NAME in sections of KIND; NULL if there is none. */
const struct option_row *option_find(enum section_kind kind, const char *name);

/* Like option_find() for any section, to report where a misplaced option belongs. */
const struct option_row *option_find_anywhere(const char *name);

/* Returns the row whose name is most similar to the misspelt NAME, or NULL if none is similar. */
const struct option_row *option_nearest(enum section_kind kind, const char *name);

/* The field of ROW in the values of SECTION, and the record of where it was set. */
void *option_field(const struct option_row *row, const struct section *section);
struct origin *option_origin(const struct option_row *row, const struct section *section);

/* For a list: the number of items, and the origin of item INDEX. If it is not a list, or has no
 * such item, the origin is that of the option. */
size_t option_items(const struct option_row *row, const struct section *section);
struct origin option_item_origin(const struct option_row *row, const struct section *section,
                                 size_t index);

/*
 * Writes items of a list to BUF, from FROM on, that were on one line: as many as fit into ROOM
 * bytes without spaces, but at least one. Returns the index after the last one.
 */
size_t option_format_items(const struct option_row *row, const struct section *section, size_t from,
                           size_t room, char *buf, size_t size);

/* Whether ROW has no effect because of the value of another option in SECTION. */
bool option_is_idle(const struct option_row *row, const struct section *section);

/* "[server]" or "[listen NAME]", for people to read. */
const char *option_section_name(const struct option_row *row);

/* Parses TEXT into FIELD, and writes FIELD as text, as the type of ROW does. */
int option_parse(const struct option_row *row, const char *text, void *field, char *reason);
void option_format(const struct option_row *row, const void *field, char *buf, size_t size);

/* Writes the table to OUT: a line per option, fields separated by tabs: section, name, type,
 * default, values, help. */
void option_list(FILE *out);

#endif
