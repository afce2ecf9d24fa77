/*
 * echod-generator: a systemd.generator(7). Writes, as drop-ins, what units have to know of the
 * configurations: the limits of the services, the addresses of the socket and, where that is
 * enabled, a sandbox that needs no network at all. So the INI files stay the one truth.
 *
 * A file that is wrong is logged. Nothing is made of it at the start of the system; later, what was
 * made of it when it was last right. The exit status is 0: a configuration must never break the
 * boot.
 */
#include "base/exit.h"
#include "config.h"

#include "base/escape.h"
#include "config/load.h"
#include "config/sections.h"
#include "config/settings.h"
#include "generator/activation.h"
#include "generator/generation.h"
#include "generator/kept.h"
#include "generator/limits.h"
#include "generator/notice.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#define EXTENSION ".conf"
/* The name of the configuration that echod.service has, and echod.socket. */
#define MAIN_NAME "echod"
/* Of the problems of one file, so many are told. */
#define TOLD_MAX 10

static bool is_main(const struct generation *generation)
{
    return strcmp(generation->name, MAIN_NAME) == 0;
}

static void tell_problems(const struct generation *generation, const struct problems *problems)
{
    for (size_t i = 0; i < problems->count && i < TOLD_MAX; i++)
        notice_text(generation, problems->list[i].fatal ? LOG_ERR : LOG_WARNING, "%s",
                    problems->list[i].text);
    if (problems->count > TOLD_MAX)
        notice_text(generation, LOG_ERR, "and %zu more: echod --check-config tells them all",
                    problems->count - TOLD_MAX);
}

/* What a file that is wrong means for the units; KEPT: it was right since the start of the system.
 */
static const char *consequence(const struct generation *generation, bool kept)
{
    if (kept)
        return "units keep what was made of it when it was last right";
    if (is_main(generation) && activation_is_enabled(generation))
        return "nothing is made of it: limits and addresses are those of the unit files, and there "
               "is no sandbox without a network";
    return "nothing is made of it, the limits are those of the unit file";
}

/* What is right of the file at PATH, or was; NULL, if that is not known. */
static struct settings *load(const struct generation *generation, const char *path)
{
    struct problems problems = {0};
    struct settings *settings = settings_load(path, &problems);

    tell_problems(generation, &problems);
    if (settings) {
        kept_save(generation, settings);
    } else {
        settings = kept_load(generation);
        notice_broken(generation, consequence(generation, settings != NULL));
    }
    problems_free(&problems);
    return settings;
}

static void generate_from(const struct generation *generation, const char *path)
{
    struct settings *settings = load(generation, path);

    if (settings)
        limits_write(generation, settings);
    if (settings && is_main(generation))
        activation_write(generation, settings);
    settings_free(settings);
}

/* Whether there is a file at PATH: 1, or 0, or, of what is none, -EINVAL. A pipe would be waited
 * for, and so would the boot. */
static int has_file(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return errno == ENOENT ? 0 : 1; /* reading it will tell why not */
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? 1 : -EINVAL;
}

static void generate(struct generation generation)
{
    char path[PATH_MAX], unit[NAME_MAX + 32];

    snprintf(path, sizeof(path), "%s" CONFIG_DIRECTORY "/%s" EXTENSION, generation.root,
             generation.name);
    snprintf(unit, sizeof(unit), is_main(&generation) ? "%s.service" : "echod@%s.service",
             generation.name);
    generation.unit = unit;
    int r = has_file(path);
    if (r < 0)
        notice_text(&generation, LOG_ERR, "%s is not a file, so nothing is made of it", path);
    else if (r == 0 && is_main(&generation)) /* somebody may run instances only */
        notice_text(&generation, LOG_INFO, "there is no %s, so nothing is made of it", path);
    else
        generate_from(&generation, path);
}

/* Whether the file ENTRY is the configuration of an instance. */
static int is_of_instance(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), end = strlen(EXTENSION);

    return len > end && strcmp(entry->d_name + len - end, EXTENSION) == 0 &&
           entry->d_name[0] != '.' && strcmp(entry->d_name, MAIN_NAME EXTENSION) != 0;
}

/* Not every name can be an instance's: systemd.unit(5) has these characters, and this length. */
static bool can_be_instance(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789:-_.\\@";

    return name[strspn(name, allowed)] == '\0' &&
           strlen(name) + strlen("echod@.service") <= NAME_MAX;
}

static void generate_instance(struct generation generation, const char *name)
{
    char safe[ESCAPED_SIZE(NAME_MAX)];

    generation.name = name;
    if (can_be_instance(name)) {
        generate(generation);
        return;
    }
    escape_bytes(safe, name, strlen(name), NULL);
    generation.unit = "echod.service"; /* the nearest */
    notice_text(&generation, LOG_WARNING,
                CONFIG_DIRECTORY "/%s" EXTENSION
                                 " is ignored: no unit can have this name (see systemd-escape(1))",
                safe);
}

static void generate_instances(struct generation generation)
{
    char path[PATH_MAX];
    struct dirent **entries;

    snprintf(path, sizeof(path), "%s" CONFIG_DIRECTORY, generation.root);
    int count = scandir(path, &entries, is_of_instance, alphasort);
    for (int i = 0; i < count; i++) {
        entries[i]->d_name[strlen(entries[i]->d_name) - strlen(EXTENSION)] = '\0';
        generate_instance(generation, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    else if (errno != ENOENT)
        notice_text(&generation, LOG_ERR, "%s cannot be read, no instance has drop-ins: %s", path,
                    strerror(errno));
}

static const char help[] =
    "Usage: echod-generator [--root ROOT] DIRECTORY [EARLY LATE]\n\n"
    "Writes drop-ins of systemd units for what " CONFIG_DIRECTORY "/*.conf say\n"
    "into DIRECTORY; with --root for the files below ROOT. systemd runs this at the start\n"
    "of the system and at each daemon-reload; see systemd.generator(7) and echod(8).";

int main(int argc, char **argv)
{
    struct generation generation = {.root = "", .name = MAIN_NAME};

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return puts(help) < 0;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("echod-generator (echod) " PACKAGE_VERSION) < 0;
    if (argc > 3 && strcmp(argv[1], "--root") == 0) {
        generation.root = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc < 2 || argv[1][0] == '-') {
        fputs("echod-generator: systemd runs this, with the directory to write to\n", stderr);
        return EXIT_USAGE;
    }
    generation.directory = argv[1];
    generate(generation);
    generate_instances(generation);
    return 0;
}
