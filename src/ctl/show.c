#include "ctl/show.h"

#include "base/json.h"
#include "base/macros.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 64

struct pair {
    char *key, *value;
};

/* Cuts LINE into pairs. Returns how many. */
static size_t cut_pairs(char *line, struct pair *pairs)
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

/* Whether the value of KEY is a number: those of the others may only look like one. */
static bool is_number(const char *key, const char *text)
{
    static const char *const texts[] = {"peer",    "listener", "service", "state",
                                        "address", "protocol", "from",    "config",
                                        "verdict", "rule",     "origin"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (strcmp(texts[i], key) == 0)
            return false;
    return *text && text[strspn(text, "0123456789")] == '\0' && (text[0] != '0' || !text[1]);
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
    size_t count = cut_pairs(line, pairs);

    fputc('{', to);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", to);
        put_member(pairs[i].key, pairs[i].value, to);
    }
    fputc('}', to);
}

/* The next line of *TEXT that is not empty, or NULL. */
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

void show_metrics(char *report, FILE *to)
{
    char *line;
    bool first = true;

    fputc('{', to);
    while ((line = next_line(&report)) != NULL) {
        char *name = line, *value = strrchr(line, ' '); /* a label may have blanks, too */
        if (name[0] == '#' || !value)
            continue;
        *value = '\0';
        name[strcspn(name, "{ ")] = '\0';
        fputs(first ? "" : ",\n ", to);
        put_member(name, value + 1, to);
        first = false;
    }
    fputs("}\n", to);
}

void show_pairs(char *report, FILE *to)
{
    struct pair pairs[COLUMNS];
    char *line = next_line(&report);
    size_t count = line ? cut_pairs(line, pairs) : 0;

    int width = 15;
    for (size_t i = 0; i < count; i++)
        if (width < (int)strlen(pairs[i].key))
            width = (int)strlen(pairs[i].key);
    for (size_t i = 0; i < count; i++)
        fprintf(to, "%-*s %s\n", width, pairs[i].key, pairs[i].value);
}

/* The value of KEY, or "". */
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
    size_t count = line ? cut_pairs(line, pairs) : 0;
    const char *origin = value_of(pairs, count, "origin");

    fprintf(to, "%s: %s on %s: %s", value_of(pairs, count, "verdict"),
            value_of(pairs, count, "address"), value_of(pairs, count, "listener"),
            value_of(pairs, count, "rule"));
    fprintf(to, *origin ? " (%s)\n" : "\n", origin);
}

/* ---- tables ---- */

/* Widens WIDTHS to what the lines of REPORT, of which it reads a copy, need. */
static void measure(const char *report, int *widths)
{
    char *copy = text_copy(report), *rest = copy, *line;
    struct pair pairs[COLUMNS];

    while ((line = next_line(&rest)) != NULL) {
        size_t count = cut_pairs(line, pairs);
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
        size_t count = cut_pairs(line, pairs);
        if (first)
            put_row(pairs, count, true, widths, to);
        put_row(pairs, count, false, widths, to);
        first = false;
    }
}
