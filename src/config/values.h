/*
 * The types of options: parsing text to a field of a settings struct, and formatting it.
 */
#ifndef ECHOD_CONFIG_VALUES_H
#define ECHOD_CONFIG_VALUES_H

#include "base/macros.h"
#include "base/text.h"
#include "net/cidr.h"
#include "net/service.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REASON_MAX 512 /* room for a whole line of a file, %.198s */
#define VALUE_TEXT_MAX 1024

/* The C types of the fields. The settings own what they point to. */
struct words {
    char **item;
    size_t count;
    unsigned *line; /* the line of each of the first LINE_COUNT items */
    size_t line_count;
};

/*
 * Further functions of a list type: each line of a file appends to the list, and an item keeps the
 * number of its line.
 */
struct list_type {
    size_t (*count)(const void *field);
    /* Returns the line of item INDEX, or 0 if unknown. */
    unsigned (*line)(const void *field, size_t index);
    void (*set_line)(void *field, unsigned line); /* of all items */
    void (*format)(const void *field, size_t index, char *buf, size_t size);
    /* Appends the items of MORE to those of FIELD, and empties MORE. */
    void (*append)(void *field, void *more);
    /* Called once the list is complete; may be NULL. */
    void (*complete)(void *field);
};

/* The values that an option permits. */
struct value_rule {
    uint64_t min, max;            /* for the types that are ordered */
    const struct choice *choices; /* ends with a NULL name; for type_choice */
};

struct value_type {
    const char *name;
    const char *example; /* NULL: the name and the range are enough */
    /* Parses TEXT into FIELD. Returns 0, or -EINVAL with a clause in REASON and FIELD unchanged.
     * Before a field is parsed again, clear() must be called. */
    int (*parse)(const struct value_rule *rule, const char *text, void *field, char *reason);
    /* Writes FIELD so that parse() reads the same. */
    void (*format)(const struct value_rule *rule, const void *field, char *buf, size_t size);
    void (*clear)(void *field);   /* frees what the field owns; may be NULL */
    size_t size;                  /* of the field, if there is a clear() */
    const struct list_type *list; /* NULL: this is no list */
};

extern const struct value_type type_bool;     /* bool */
extern const struct value_type type_count;    /* uint64_t */
extern const struct value_type type_size;     /* uint64_t, bytes: 1024, 16K, 1M */
extern const struct value_type type_duration; /* uint64_t, microseconds */
extern const struct value_type type_choice;   /* unsigned */
extern const struct value_type type_mode;     /* unsigned, octal */
extern const struct value_type type_port;     /* uint16_t */
extern const struct value_type type_text;     /* struct text */
extern const struct value_type type_words;    /* struct words: addresses, names, paths */
extern const struct value_type type_cidrs;    /* struct cidrs */
extern const struct value_type type_prefix;   /* struct source_prefix: 32, 64 */
extern const struct value_type type_rate;     /* struct rate: 20/s */

/* Sets REASON and returns -EINVAL: the end of every parse() that fails. */
int value_reject(char *reason, const char *format, ...) PRINTF_LIKE(2, 3);

/* Returns a hint what is wrong with the invalid value TEXT, to append to a REASON; or "". */
const char *value_hint(const char *text);

/* The values of TYPE that RULE permits, for people to read. */
void value_range(const struct value_type *type, const struct value_rule *rule, char *buf,
                 size_t size);

/* Returns the choice of RULE with VALUE, or NULL. */
const struct choice *choice_of(const struct value_rule *rule, unsigned value);

#endif
