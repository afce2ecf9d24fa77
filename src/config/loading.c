#include "config/loading.h"

#include "base/memory.h"
#include "base/text.h"
#include "config/options.h"
#include "config/validate.h"

#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static struct origin here(const struct loading *in, unsigned line)
{
    return (struct origin){.file = in->file, .line = line};
}

/* ---- sections ---- */

static void set_defaults(struct section *section, struct problems *problems)
{
    char reason[REASON_MAX];

    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (row->section == section->kind &&
            option_parse(row, row->fallback, option_field(row, section), reason) < 0)
            problem_add(problems, FATAL, (struct origin){0}, section->name, row->name,
                        "bad default: %s", reason);
    }
}

/* A node of the search tree of section names, of which there may be thousands. */
struct named {
    const char *name; /* the section's */
    size_t index;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static bool section_find(const struct loading *in, const char *name, size_t *index)
{
    const struct named wanted = {.name = name};
    struct named *const *found = tfind(&wanted, &in->names, compare_names);

    if (found)
        *index = (*found)->index;
    return found != NULL;
}

static void section_remember(struct loading *in, size_t index)
{
    struct named *entry = memory_zeroed(1, sizeof(*entry));

    *entry = (struct named){.name = in->settings->sections[index].name, .index = index};
    if (!tsearch(entry, &in->names, compare_names))
        free(entry);
}

static size_t section_create(struct loading *in, enum section_kind kind, const char *name,
                             struct origin where)
{
    struct settings *settings = in->settings;
    size_t size =
        kind == SECTION_SERVER ? sizeof(struct server_settings) : sizeof(struct listen_settings);

    settings->sections =
        array_append(settings->sections, &settings->section_count, sizeof(*settings->sections));
    size_t index = settings->section_count - 1;
    settings->sections[index] = (struct section){
        .kind = kind,
        .name = text_copy(name),
        .declared = where,
        .values = memory_zeroed(1, size),
        .origins = memory_zeroed(option_count, sizeof(struct origin)),
    };
    set_defaults(&settings->sections[index], in->problems);
    section_remember(in, index);
    return index;
}

/* Returns the NAME in "listen NAME", or NULL if TEXT is another section or NAME is not valid. */
static const char *listen_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    size_t len = strlen("listen");

    if (strncmp(text, "listen", len) != 0 || !strchr(" \t", text[len]))
        return NULL;
    const char *name = text + len + strspn(text + len, " \t");
    size_t length = strlen(name);
    return length > 0 && length < LISTENER_NAME_SIZE && strspn(name, allowed) == length ? name
                                                                                        : NULL;
}

/* Whether TEXT would be a valid section in lower case, which is written to MEANT, of SIZE bytes. */
static bool meant_in_small(const char *text, char *meant, size_t size)
{
    snprintf(meant, size, "%s", text);
    for (char *p = meant; *p && !strchr(" \t", *p); p++)
        *p = (char)tolower((unsigned char)*p);
    return strcmp(meant, "server") == 0 || listen_name(meant);
}

static void report_unknown_section(struct loading *in, unsigned line, const char *text)
{
    char meant[64];

    if (meant_in_small(text, meant, sizeof(meant)))
        problem_add(in->problems, FATAL, here(in, line), NULL, NULL,
                    "[%s] is not a section; did you mean [%s]?", text, meant);
    else
        problem_add(in->problems, FATAL, here(in, line), NULL, NULL,
                    "[%s] is not a section; use [server] or [listen NAME] (NAME: up to 32 letters, "
                    "digits, . _ -)",
                    text);
}

static void on_section(void *user, unsigned line, const char *text)
{
    struct loading *in = user;
    char name[64];
    const char *listener = listen_name(text);
    bool server = strcmp(text, "server") == 0;

    in->in_section = server || listener != NULL;
    in->in_bad_section = !in->in_section;
    if (in->in_bad_section) {
        report_unknown_section(in, line, text);
        return;
    }
    snprintf(name, sizeof(name), server ? "server" : "listen %s", listener);
    if (!section_find(in, name, &in->current))
        in->current = section_create(in, SECTION_LISTEN, name, here(in, line));
}

/* ---- values ---- */

static void report_unknown_option(struct loading *in, struct origin where,
                                  const struct section *section, const char *key)
{
    const struct option_row *elsewhere = option_find_anywhere(key);
    const struct option_row *nearest = option_nearest(section->kind, key);

    if (elsewhere)
        problem_add(in->problems, FATAL, where, section->name, key, "belongs in [%s]",
                    option_section_name(elsewhere));
    else if (nearest)
        problem_add(in->problems, FATAL, where, section->name, key,
                    "unknown option; did you mean %s?", nearest->name);
    else
        problem_add(in->problems, FATAL, where, section->name, key,
                    "unknown option; echod --list-options shows them all");
}

/* Moves the value FRESH to FIELD of ROW. If ADDS, it is appended to the list in FIELD instead. */
static void move_value(const struct option_row *row, void *field, void *fresh, bool adds)
{
    if (adds) {
        row->type->list->append(field, fresh);
        return;
    }
    row->type->clear(field);
    memcpy(field, fresh, row->type->size);
}

/* Parses TEXT into a new field first, so that a bad value leaves the previous one unchanged. If
 * ADDS, a list is appended to, but an empty TEXT clears it. */
static void set_value(struct loading *in, struct origin where, const struct option_row *row,
                      struct section *section, const char *text, bool adds)
{
    char reason[REASON_MAX];
    union {
        struct text text;
        struct words words;
        struct cidrs cidrs;
    } fresh = {0};
    void *field = option_field(row, section);
    const struct list_type *list = row->type->list;

    if (option_parse(row, text, row->type->clear ? &fresh : field, reason) < 0) {
        problem_add(in->problems, FATAL, where, section->name, row->name, "%s%s", reason,
                    value_hint(text));
    } else if (row->type->clear) {
        if (list)
            list->set_line(&fresh, where.line);
        adds = adds && list->count(&fresh) > 0;
        move_value(row, field, &fresh, adds);
    }
    if (!adds)
        *option_origin(row, section) = where;
}

static void on_value(void *user, unsigned line, const char *key, const char *text)
{
    struct loading *in = user;
    struct origin where = here(in, line);

    if (in->in_bad_section)
        return;
    if (!in->in_section) {
        problem_add(in->problems, FATAL, where, NULL, key,
                    "precedes the first section: begin with [server] or [listen NAME]");
        return;
    }
    struct section *section = &in->settings->sections[in->current];
    const struct option_row *row = option_find(section->kind, key);
    if (!row) {
        report_unknown_option(in, where, section, key);
        return;
    }
    struct origin before = *option_origin(row, section);
    bool repeated = before.file == in->file;
    if (repeated && !row->type->list)
        problem_add(in->problems, FATAL, where, section->name, key, "already set in line %u",
                    before.line);
    else
        set_value(in, where, row, section, text, repeated);
}

static void on_malformed(void *user, unsigned line, const char *reason)
{
    struct loading *in = user;

    problem_add(in->problems, FATAL, here(in, line), NULL, NULL, "%s", reason);
}

const struct inifile_events loading_events = {on_section, on_value, on_malformed};

/* ---- files ---- */

void loading_enter(struct loading *in, const char *path)
{
    struct settings *settings = in->settings;

    settings->files =
        array_append(settings->files, &settings->file_count, sizeof(*settings->files));
    in->file = settings->files[settings->file_count - 1] = text_copy(path);
    in->in_section = in->in_bad_section = false;
}

/* Fills in the typed pointers to the sections, which no longer move in memory. */
static void index_listens(struct settings *settings)
{
    settings->server = settings->sections[0].values;
    for (size_t i = 1; i < settings->section_count; i++) {
        struct listen_settings *listen = settings->sections[i].values;
        listen->name = settings->sections[i].name + strlen("listen ");
        settings->listens =
            array_append(settings->listens, &settings->listen_count, sizeof(*settings->listens));
        settings->listens[settings->listen_count - 1] = listen;
    }
}

struct loading loading_begin(struct problems *problems)
{
    struct loading in = {.settings = memory_zeroed(1, sizeof(*in.settings)), .problems = problems};

    section_create(&in, SECTION_SERVER, "server", (struct origin){0});
    return in;
}

static void complete_lists(const struct section *section)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        const struct list_type *list = row->type->list;
        if (row->section == section->kind && list && list->complete)
            list->complete(option_field(row, section));
    }
}

struct settings *loading_end(struct loading *in)
{
    tdestroy(in->names, free);
    in->names = NULL;
    for (size_t i = 0; i < in->settings->section_count; i++)
        complete_lists(&in->settings->sections[i]);
    index_listens(in->settings);
    settings_validate(in->settings, in->problems);
    return in->settings;
}
