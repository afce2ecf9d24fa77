/*
 * The types that an option can have: from text to a field of a settings struct and back.
 */
#ifndef ECHOD_CONFIG_VALUES_H
#define ECHOD_CONFIG_VALUES_H

#include "base/text.h"
#include "net/cidr.h"
#include "net/service.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REASON_MAX 256
#define VALUE_TEXT_MAX 1024

struct option_row;

/* The C types of the fields; what they point at belongs to the settings. */
struct words {
    char **item;
    size_t count;
};

struct value_type {
    const char *name;
    /* Parses TEXT into FIELD. Returns 0, or -EINVAL with a clause in REASON; FIELD is then as
     * it was. A field is parsed into once more only after clear(). */
    int (*parse)(const struct option_row *row, const char *text, void *field, char *reason);
    /* Writes FIELD so that parse() reads the same. */
    void (*format)(const struct option_row *row, const void *field, char *buf, size_t size);
    void (*clear)(void *field); /* frees what the field owns; NULL: it owns nothing */
};

extern const struct value_type type_bool;   /* bool */
extern const struct value_type type_count;  /* uint64_t */
extern const struct value_type type_size;   /* uint64_t, bytes: 1024, 16K, 1M */
extern const struct value_type type_span;   /* uint64_t, microseconds */
extern const struct value_type type_choice; /* unsigned */
extern const struct value_type type_mode;   /* unsigned, octal */
extern const struct value_type type_port;   /* uint16_t */
extern const struct value_type type_text;   /* struct text */
extern const struct value_type type_words;  /* struct words: addresses, names, paths */
extern const struct value_type type_cidrs;  /* struct cidrs */
extern const struct value_type type_prefix; /* struct source_prefix: 32, 64 */
extern const struct value_type type_rate;   /* struct rate: 20/s */

/* The choice of ROW that has VALUE; NULL if ROW has no choices or none has it. */
const struct choice *choice_of(const struct option_row *row, unsigned value);

#endif
