#include "config/sections.h"

#include "config/options.h"

#include <stdlib.h>
#include <string.h>

static void section_clear(struct section *section)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (row->section == section->kind && row->type->clear)
            row->type->clear(option_field(row, section));
    }
    free(section->values);
    free(section->origins);
    free(section->name);
}

void settings_free(struct settings *settings)
{
    if (!settings)
        return;
    for (size_t i = 0; i < settings->section_count; i++)
        section_clear(&settings->sections[i]);
    for (size_t i = 0; i < settings->file_count; i++)
        free(settings->files[i]);
    free(settings->files);
    free(settings->sections);
    free(settings->listens);
    free(settings);
}

/* Returns the origin of item INDEX of a list, or of the option if INDEX is SIZE_MAX. */
static struct origin find_origin(const struct settings *settings, const void *values,
                                 const char *key, size_t index)
{
    for (size_t i = 0; i < settings->section_count; i++) {
        const struct section *section = &settings->sections[i];
        if (section->values != values)
            continue;
        struct origin set = option_item_origin(option_find(section->kind, key), section, index);
        return set.file ? set : section->declared;
    }
    return (struct origin){0};
}

struct origin settings_origin(const struct settings *settings, const void *values, const char *key)
{
    return find_origin(settings, values, key, SIZE_MAX);
}

struct origin settings_item_origin(const struct settings *settings, const void *values,
                                   const char *key, size_t index)
{
    return find_origin(settings, values, key, index);
}

const struct listen_settings *settings_listen(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->listen_count; i++)
        if (strcmp(settings->listens[i]->name, name) == 0)
            return settings->listens[i];
    return NULL;
}
