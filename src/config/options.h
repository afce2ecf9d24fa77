/*
 * The option table: one row per option, from which parsing, defaults, --dump-config,
 * --list-options and the checks of the manual are made.
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
    /* An option that acts only if WITH, another one of its section, has the value IF_VALUE, or
     * has not the value UNLESS; either may be several, with " | " between them. */
    const char *with, *if_value, *unless;
    const char *help;
};

extern const struct option_row option_table[];
extern const size_t option_count;

/* The row of option NAME in sections of KIND; NULL if there is none. */
const struct option_row *option_find(enum section_kind kind, const char *name);

/* Like option_find(), of any section: for a hint at where a misplaced option belongs. */
const struct option_row *option_find_anywhere(const char *name);

/* The row whose name is nearest to the misspelt NAME, if one is near; else NULL. */
const struct option_row *option_nearest(enum section_kind kind, const char *name);

/* The field of ROW in the values of SECTION, and the record of where it was set. */
void *option_field(const struct option_row *row, const struct section *section);
struct origin *option_origin(const struct option_row *row, const struct section *section);

/* Of a list: how many items it has, and where item INDEX was written. (Of what is no list, or has
 * no such item: where the option was.) */
size_t option_items(const struct option_row *row, const struct section *section);
struct origin option_item_origin(const struct option_row *row, const struct section *section,
                                 size_t index);

/*
 * Writes to BUF the items of a list from FROM on that one line was written with: as many as have
 * room in ROOM bytes without blanks, but at least one. Returns the index behind the last.
 */
size_t option_format_items(const struct option_row *row, const struct section *section, size_t from,
                           size_t room, char *buf, size_t size);

/* Whether ROW acts only with a value of another option that SECTION does not have. */
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
