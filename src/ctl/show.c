#include "ctl/show.h"

#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 64
#define DIGITS "0123456789"

struct pair {
    char *key, *value;
};

/* Splits LINE into pairs. Returns how many there are. */
static size_t parse_pairs(char *line, struct pair *pairs)
{
    size_t count = 0;
    char *field;

    while (count < COLUMNS && (field = strsep(&line, "\t")) != NULL) {
        char *equals = strchr(field, '=');
        if (!equals)
            continue;
        *equals = '\0';
        pairs[count++] = (struct pair){.key = field, .value = equals + 1};
    }
    return count;
}

/* Whether TEXT is a JSON number: digits and, if PLACES is set, a point and that many digits. */
static bool is_decimal(const char *text, int places)
{
    size_t whole = strspn(text, DIGITS);
    const char *rest = text + whole;

    if (whole == 0 || (text[0] == '0' && whole > 1))
        return false;
    return !*rest || (places && *rest == '.' && rest[1] && !rest[1 + strspn(rest + 1, DIGITS)]);
}

/* Whether the value of KEY is a number. Other values may look like one. */
static bool is_number(const char *key, const char *text)
{
    static const char *const texts[] = {"peer",    "listener", "service", "state",
                                        "address", "protocol", "from",    "config",
                                        "verdict", "rule",     "origin"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (strcmp(texts[i], key) == 0)
            return false;
    return is_decimal(text, 0);
}

static void put_member(const char *key, const char *value, FILE *to)
{
    json_string(key, to);
    fputs(": ", to);
    if (is_number(key, value))
        fputs(value, to);
    else
        json_string(value, to);
}

static void put_object(char *line, FILE *to)
{
    struct pair pairs[COLUMNS];
    size_t count = parse_pairs(line, pairs);

    fputc('{', to);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", to);
        put_member(pairs[i].key, pairs[i].value, to);
    }
    fputc('}', to);
}

/* Returns the next line of *TEXT that is not empty, or NULL. */
static char *next_line(char **text)
{
    char *line;

    while ((line = strsep(text, "\n")) != NULL)
        if (*line)
            return line;
    return NULL;
}

void show_json(char *report, int single, FILE *to)
{
    char *line;
    bool first = true;

    fputs(single ? "" : "[", to);
    while ((line = next_line(&report)) != NULL) {
        fputs(first ? "" : ",\n ", to);
        put_object(line, to);
        first = false;
    }
    if (single)
        fputs(first ? "{}\n" : "\n", to);
    else
        fputs("]\n", to);
}

/* ---- metrics ---- */

/* A line of the Prometheus text format. */
struct sample {
    char *name, *value;
    char *bound; /* of a histogram bucket, else NULL */
};

/* Returns false if LINE is a comment or not a sample. */
static bool parse_sample(char *line, struct sample *sample)
{
    static const char label[] = ",le=\"";
    char *value = strrchr(line, ' '); /* a label may contain spaces, too */

    if (line[0] == '#' || !value)
        return false;
    *value = '\0';
    char *labels = line + strcspn(line, "{ "), *bound = strstr(labels, label);
    if (bound) {
        bound += sizeof(label) - 1;
        bound[strcspn(bound, "\"")] = '\0';
    }
    *labels = '\0';
    *sample = (struct sample){.name = line, .value = value + 1, .bound = bound};
    return true;
}

static void put_value(const char *key, const char *value, FILE *to)
{
    json_string(key, to);
    fputs(": ", to);
    if (is_decimal(value, 1))
        fputs(value, to);
    else
        json_string(value, to);
}

/* Writes what separates SAMPLE from the previous one. The buckets of a histogram form an object;
 * OPEN is the name of the open one, or NULL. Returns the name of the object that SAMPLE belongs to,
 * or NULL. */
static const char *put_between(const struct sample *sample, const char *open, bool first, FILE *to)
{
    if (open && sample->bound && strcmp(open, sample->name) == 0) {
        fputs(", ", to);
        return open;
    }
    fputs(open ? "}" : "", to);
    fputs(first ? "" : ",\n ", to);
    if (!sample->bound)
        return NULL;
    json_string(sample->name, to);
    fputs(": {", to);
    return sample->name;
}

void show_metrics(char *report, FILE *to)
{
    const char *open = NULL;
    struct sample sample;
    bool first = true;
    char *line;

    fputc('{', to);
    while ((line = next_line(&report)) != NULL) {
        if (!parse_sample(line, &sample))
            continue;
        open = put_between(&sample, open, first, to);
        put_value(open ? sample.bound : sample.name, sample.value, to);
        first = false;
    }
    fputs(open ? "}}\n" : "}\n", to);
}

void show_pairs(char *report, FILE *to)
{
    struct pair pairs[COLUMNS];
    char *line = next_line(&report);
    size_t count = line ? parse_pairs(line, pairs) : 0;

    int width = 15;
    for (size_t i = 0; i < count; i++)
        if (width < (int)strlen(pairs[i].key))
            width = (int)strlen(pairs[i].key);
    for (size_t i = 0; i < count; i++)
        fprintf(to, "%-*s %s\n", width, pairs[i].key, pairs[i].value);
}

/* Returns the value of KEY, or "". */
static const char *value_of(const struct pair *pairs, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i].key, key) == 0)
            return pairs[i].value;
    return "";
}

void show_verdict(char *report, FILE *to)
{
    struct pair pairs[COLUMNS];
    char *line = next_line(&report);
    size_t count = line ? parse_pairs(line, pairs) : 0;
    const char *origin = value_of(pairs, count, "origin");

    fprintf(to, "%s: %s on %s: %s", value_of(pairs, count, "verdict"),
            value_of(pairs, count, "address"), value_of(pairs, count, "listener"),
            value_of(pairs, count, "rule"));
    fprintf(to, *origin ? " (%s)\n" : "\n", origin);
}

/* ---- tables ---- */

/* Widens WIDTHS to fit the lines of REPORT, which it copies first. */
static void measure(const char *report, int *widths)
{
    char *copy = text_copy(report), *rest = copy, *line;
    struct pair pairs[COLUMNS];

    while ((line = next_line(&rest)) != NULL) {
        size_t count = parse_pairs(line, pairs);
        for (size_t i = 0; i < count; i++) {
            int key = (int)strlen(pairs[i].key), value = (int)strlen(pairs[i].value);
            int width = key > value ? key : value;
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    free(copy);
}

static void put_row(const struct pair *pairs, size_t count, bool keys, const int *widths, FILE *to)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = keys ? pairs[i].key : pairs[i].value;
        if (i + 1 < count)
            fprintf(to, "%-*s  ", widths[i], text);
        else
            fprintf(to, "%s\n", text);
    }
}

void show_table(char *report, FILE *to)
{
    int widths[COLUMNS] = {0};
    struct pair pairs[COLUMNS];
    bool first = true;
    char *line;

    measure(report, widths);
    while ((line = next_line(&report)) != NULL) {
        size_t count = parse_pairs(line, pairs);
        if (first)
            put_row(pairs, count, true, widths, to);
        put_row(pairs, count, false, widths, to);
        first = false;
    }
}
