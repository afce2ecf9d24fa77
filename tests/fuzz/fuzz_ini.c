/*
 * The configuration: accepted input remains the same when it is dumped and loaded again, and when
 * it is passed to the next program with the origins of its values. For rejected input there is a
 * printable reason.
 */
#include "config/dump.h"
#include "config/load.h"
#include "config/options.h"
#include "config/sections.h"
#include "config/settings.h"
#include "config/serialize.h"

#include "fuzz.h"

#include <unistd.h>

/* Returns the settings, which the caller frees, or NULL after checking that there is a reason. */
static struct settings *load(const char *path)
{
    struct problems problems = {0};
    struct settings *settings = settings_load(path, &problems);

    fuzz_check((settings == NULL) == (problems.fatal > 0));
    for (size_t i = 0; i < problems.count; i++)
        fuzz_check(fuzz_is_printable(problems.list[i].text) &&
                   !strchr(problems.list[i].text, '\n'));
    problems_free(&problems);
    return settings;
}

/* Loads the dump of FIRST, which must succeed. */
static struct settings *reload(const struct settings *first)
{
    struct fuzz_output output;
    char path[FUZZ_PATH_MAX];

    fuzz_output_open(&output);
    settings_dump(first, output.file);
    char *text = fuzz_output_close(&output);
    int fd = fuzz_file(text, output.size, path);
    struct settings *second = load(path);
    fuzz_check(second);
    close(fd);
    free(text);
    return second;
}

/* Passes FIRST to another program, which must succeed. */
static struct settings *pass(const struct settings *first)
{
    struct problems problems = {0};
    char path[FUZZ_PATH_MAX];
    int fd = fuzz_file("", 0, path);

    fuzz_check(settings_serialize(first, fd, &problems) == 0);
    struct settings *second = settings_deserialize(fd, &problems);
    fuzz_check(second && problems.fatal == 0);
    problems_free(&problems);
    return second;
}

static bool same_words(const struct words *a, const struct words *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++)
        if (strcmp(a->item[i], b->item[i]) != 0)
            return false;
    return a->count == b->count;
}

static bool same_ranges(const struct cidrs *a, const struct cidrs *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++)
        if (a->item[i].family != b->item[i].family || a->item[i].prefix != b->item[i].prefix ||
            memcmp(a->item[i].bytes, b->item[i].bytes, sizeof(a->item[i].bytes)) != 0)
            return false;
    return a->count == b->count;
}

/* Compares byte strings and lists by content, and single numbers by how they are printed. */
static bool same_value(const struct option_row *row, const void *a, const void *b)
{
    char shown_a[VALUE_TEXT_MAX], shown_b[VALUE_TEXT_MAX];
    const struct text *text_a = a, *text_b = b;

    if (row->type == &type_words)
        return same_words(a, b);
    if (row->type == &type_cidrs)
        return same_ranges(a, b);
    if (row->type == &type_text)
        return text_a->len == text_b->len && memcmp(text_a->data, text_b->data, text_a->len) == 0;
    option_format(row, a, shown_a, sizeof(shown_a));
    option_format(row, b, shown_b, sizeof(shown_b));
    return strcmp(shown_a, shown_b) == 0;
}

static void check_origin(const struct settings *first, const struct section *a,
                         const struct settings *second, const struct section *b, const char *key)
{
    struct origin was = settings_origin(first, a->values, key);
    struct origin is = settings_origin(second, b->values, key);

    fuzz_check(was.line == is.line && (was.file == NULL) == (is.file == NULL));
    fuzz_check(!was.file || strcmp(was.file, is.file) == 0);
}

static void check_section(const struct section *a, const struct section *b)
{
    fuzz_check(a->kind == b->kind && strcmp(a->name, b->name) == 0);
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (row->section != a->kind)
            continue;
        fuzz_check(option_is_idle(row, a) == option_is_idle(row, b));
        /* An idle value has no effect and is not dumped. */
        fuzz_check(option_is_idle(row, a) ||
                   same_value(row, option_field(row, a), option_field(row, b)));
    }
}

static void check_same(const struct settings *first, const struct settings *second)
{
    fuzz_check(first->section_count == second->section_count);
    for (size_t i = 0; i < first->section_count; i++)
        check_section(&first->sections[i], &second->sections[i]);
}

static void check_origins(const struct settings *first, const struct settings *second)
{
    for (size_t i = 0; i < first->section_count; i++)
        for (size_t j = 0; j < option_count; j++)
            if (option_table[j].section == first->sections[i].kind &&
                !option_is_idle(&option_table[j], &first->sections[i]))
                check_origin(first, &first->sections[i], second, &second->sections[i],
                             option_table[j].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_PATH_MAX];
    int fd = fuzz_file(data, size, path);
    struct settings *first = load(path);

    close(fd);
    if (!first)
        return 0;
    struct settings *dumped = reload(first), *passed = pass(first);
    check_same(first, dumped);
    check_same(first, passed);
    check_origins(first, passed);
    settings_free(passed);
    settings_free(dumped);
    settings_free(first);
    return 0;
}
