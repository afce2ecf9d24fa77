#include "config/serialize.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/memory.h"
#include "config/loading.h"
#include "config/options.h"
#include "config/sections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_LINE "echod-settings 1"
/* The longest line of a list. Other values are shorter. */
#define PASSED_TEXT_MAX ((size_t)16 * 1024)

/* ---- writing ---- */

/* Returns the number of the file of WHERE, or that of the first file for a default. */
static size_t file_number(const struct settings *settings, struct origin where)
{
    for (size_t i = 0; i < settings->file_count; i++)
        if (settings->files[i] == where.file)
            return i;
    return 0;
}

static void write_files(const struct settings *settings, FILE *to)
{
    for (size_t i = 0; i < settings->file_count; i++) {
        size_t len = strlen(settings->files[i]);
        char *safe = memory_zeroed(ESCAPED_SIZE(len), 1);
        escape_bytes(safe, settings->files[i], len, NULL);
        fprintf(to, "file %s\n", safe);
        free(safe);
    }
}

/* Writes a list in as many lines as it had in the file: each line adds to the list. */
static void write_value(const struct settings *settings, const struct section *section,
                        const struct option_row *row, char *buf, FILE *to)
{
    size_t file = file_number(settings, *option_origin(row, section)), from = 0;
    size_t count = row->type->list ? option_items(row, section) : 0;

    do {
        unsigned line = option_item_origin(row, section, from).line;
        if (row->type->list)
            from =
                option_format_items(row, section, from, PASSED_TEXT_MAX / 2, buf, PASSED_TEXT_MAX);
        else
            option_format(row, option_field(row, section), buf, PASSED_TEXT_MAX);
        fprintf(to, "value %zu %u %s %s\n", file, line, row->name, buf);
    } while (from < count);
}

static void write_section(const struct settings *settings, const struct section *section, char *buf,
                          FILE *to)
{
    fprintf(to, "section %zu %u %s\n", file_number(settings, section->declared),
            section->declared.line, section->name);
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (row->section != section->kind)
            continue;
        if (option_origin(row, section)->file)
            write_value(settings, section, row, buf, to);
    }
}

/* Returns the settings as text of *SIZE bytes, which the caller frees; NULL if out of memory. */
static char *text_of(const struct settings *settings, size_t *size)
{
    char *text = NULL, *buf = memory_zeroed(PASSED_TEXT_MAX, 1);
    FILE *to = open_memstream(&text, size);

    if (to) {
        fputs(FIRST_LINE "\n", to);
        write_files(settings, to);
        for (size_t i = 0; i < settings->section_count; i++)
            write_section(settings, &settings->sections[i], buf, to);
    }
    free(buf);
    if (to && fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- reading ---- */

static bool take_file(struct loading *in, char *line)
{
    if (strncmp(line, "file ", 5) != 0)
        return false;
    int len = unescape_text(line, line + 5);
    if (len < 0)
        return false;
    line[len] = '\0';
    loading_enter(in, line);
    return true;
}

/* Applies LINE, which has no newline. Returns whether it is valid. */
static bool take_line(struct loading *in, char *line)
{
    bool value = strncmp(line, "value ", 6) == 0;
    size_t file;
    unsigned number;
    int start = 0;

    if (take_file(in, line))
        return true;
    if (sscanf(line, value ? "value %zu %u %n" : "section %zu %u %n", &file, &number, &start) < 2 ||
        start == 0 || file >= in->settings->file_count)
        return false;
    in->file = in->settings->files[file];
    char *text = line + start, *name = value ? strsep(&text, " ") : text;
    if (!value)
        loading_events.section(in, number, name);
    else if (text)
        loading_events.value(in, number, name, text);
    return text != NULL;
}

/* Returns NULL if a line is not valid. */
static struct settings *read_all(FILE *from, struct problems *problems)
{
    struct loading in = loading_begin(problems);
    char *line = NULL;
    size_t room = 0;
    bool good = false, any = false; /* after EOF the buffer is undefined */

    while (getline(&line, &room, from) > 0) {
        any = true;
        line[strcspn(line, "\n")] = '\0';
        good = good ? take_line(&in, line) && problems->fatal == 0 : strcmp(line, FIRST_LINE) == 0;
        if (!good)
            break;
    }
    if (!good)
        problem_add(problems, FATAL, (struct origin){0}, NULL, NULL,
                    "cannot parse the settings that were handed over: \"%.60s\"", any ? line : "");
    free(line);
    struct settings *settings = loading_end(&in);
    if (good)
        return settings;
    settings_free(settings);
    return NULL;
}

struct settings *settings_deserialize(int fd, struct problems *problems)
{
    FILE *from = lseek(fd, 0, SEEK_SET) < 0 ? NULL : fdopen(fd, "re");

    if (!from) {
        problem_add(problems, FATAL, (struct origin){0}, NULL, NULL,
                    "cannot read the settings that were handed over: %s", strerror(errno));
        fd_close(&fd);
        return NULL;
    }
    struct settings *settings = read_all(from, problems);
    fclose(from);
    return settings;
}

/* ---- both ---- */

/* Whether TEXT can be read again and yields the same text. Discards problems that are not fatal,
 * because they have been reported before. */
static bool reads_the_same(char *text, size_t size, struct problems *problems)
{
    struct problems found = {0};
    FILE *from = fmemopen(text, size, "r");
    struct settings *copy = from ? read_all(from, &found) : NULL;
    size_t again_size = 0;
    char *again = copy ? text_of(copy, &again_size) : NULL;
    bool same = found.fatal == 0 && again && again_size == size && memcmp(again, text, size) == 0;

    if (!same)
        problem_add(problems, FATAL, (struct origin){0}, NULL, NULL,
                    "the settings do not survive being handed over: please report this bug");
    for (size_t i = 0; i < found.count; i++)
        if (found.list[i].fatal)
            problem_add(problems, FATAL, (struct origin){0}, NULL, NULL, "%s", found.list[i].text);
    free(again);
    settings_free(copy);
    if (from)
        fclose(from);
    problems_free(&found);
    return same;
}

int settings_serialize(const struct settings *settings, int fd, struct problems *problems)
{
    size_t size = 0;
    char *text = text_of(settings, &size);
    int r = !text ? -ENOMEM : reads_the_same(text, size, problems) ? 0 : -EPROTO;

    if (r == 0)
        r = fd_write_all(fd, text, size);
    free(text);
    return r;
}
