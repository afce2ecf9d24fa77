/*
 * Where each value was set, beside a dump, so that it is still known of settings that were loaded
 * from that: comments of the INI file, one for each value.
 */
#include "config/options.h"
#include "config/settings.h"

#include "base/escape.h"
#include "base/util.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MARK ";@ "
/* In place of an option: where the section begins. */
#define DECLARED "-"

/* A name that is too long for a line is cut. */
static void dump_origin(const struct section *section, const char *key, struct origin origin,
                        FILE *out)
{
    char line[DUMP_LINE_MAX], file[ESCAPED_SIZE(PATH_MAX)];

    if (!origin.file)
        return;
    escape_bytes(file, origin.file, strnlen(origin.file, PATH_MAX), NULL);
    snprintf(line, sizeof(line), MARK "%s\t%s\t%u\t", section->name, key, origin.line);
    text_append(line, sizeof(line), "%s", file);
    fprintf(out, "%s\n", line);
}

void settings_dump_origins(const struct settings *settings, FILE *out)
{
    for (size_t s = 0; s < settings->section_count; s++) {
        const struct section *section = &settings->sections[s];
        dump_origin(section, DECLARED, section->declared, out);
        for (size_t i = 0; i < option_count; i++)
            if (option_table[i].section == section->kind)
                dump_origin(section, option_table[i].name,
                            *option_origin(&option_table[i], section), out);
    }
}

static struct origin *find_origin(const struct settings *settings, const char *name,
                                  const char *key)
{
    for (size_t s = 0; s < settings->section_count; s++) {
        struct section *section = &settings->sections[s];
        if (strcmp(section->name, name) != 0)
            continue;
        const struct option_row *row = option_find(section->kind, key);
        if (!row)
            return strcmp(key, DECLARED) == 0 ? &section->declared : NULL;
        return option_origin(row, section);
    }
    return NULL;
}

/* The settings' own copy of the name of FILE. */
static const char *keep_name(struct settings *settings, const char *file)
{
    for (size_t i = 0; i < settings->file_count; i++)
        if (strcmp(settings->files[i], file) == 0)
            return settings->files[i];
    settings->files =
        array_append(settings->files, &settings->file_count, sizeof(*settings->files));
    return settings->files[settings->file_count - 1] = text_copy(file);
}

static void take_origin(struct settings *settings, char *line)
{
    char *rest = line, *name = strsep(&rest, "\t"), *key = strsep(&rest, "\t");
    char *number = strsep(&rest, "\t"), *file = rest;
    uint64_t value;

    if (!file || number_parse(number, &value) < 0 || value > UINT_MAX ||
        unescape_text(file, file) < 0)
        return;
    struct origin *origin = find_origin(settings, name, key);
    if (origin)
        *origin = (struct origin){.file = keep_name(settings, file), .line = (unsigned)value};
}

/* In a dump every value is set, the defaults, too. */
static void forget_origins(struct settings *settings)
{
    for (size_t s = 0; s < settings->section_count; s++) {
        struct section *section = &settings->sections[s];
        section->declared = (struct origin){0};
        for (size_t i = 0; i < option_count; i++)
            section->origins[i] = (struct origin){0};
    }
}

void settings_load_origins(struct settings *settings, const char *path)
{
    FILE *from = fopen(path, "re");
    char line[DUMP_LINE_MAX + 2];

    forget_origins(settings);
    while (from && fgets(line, sizeof(line), from)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, MARK, strlen(MARK)) == 0)
            take_origin(settings, line + strlen(MARK));
    }
    if (from)
        fclose(from);
}
