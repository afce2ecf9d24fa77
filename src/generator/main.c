/*
 * echod-generator: a systemd.generator(7). Writes drop-ins that configure the units according to
 * the INI files: the limits of the services, the addresses of the sockets and, if the socket unit
 * is enabled, a sandbox without network access. So each setting is made in one place.
 *
 * Errors in a file are logged. At boot, no drop-ins are written for it; later, those of its last
 * valid version. The exit status is 0, because a configuration must never break the boot.
 */
#include "base/exit.h"
#include "config.h"

#include "base/escape.h"
#include "base/fd.h"
#include "config/load.h"
#include "config/sections.h"
#include "config/settings.h"
#include "generator/activation.h"
#include "generator/unit.h"
#include "generator/last_valid.h"
#include "generator/limits.h"
#include "generator/notice.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#define EXTENSION ".conf"
/* The name of the configuration of echod.service and echod.socket. */
#define MAIN_NAME "echod"
/* The number of problems that are logged per file. */
#define PROBLEMS_MAX 10

static bool is_main(const struct unit *unit)
{
    return strcmp(unit->name, MAIN_NAME) == 0;
}

static void log_problems(const struct unit *unit, const struct problems *problems)
{
    for (size_t i = 0; i < problems->count && i < PROBLEMS_MAX; i++)
        notice_text(unit, problems->list[i].fatal ? LOG_ERR : LOG_WARNING, "%s",
                    problems->list[i].text);
    if (problems->count > PROBLEMS_MAX)
        notice_text(unit, LOG_ERR, "and %zu more; echod --check-config reports all",
                    problems->count - PROBLEMS_MAX);
}

/* What an invalid file means for the units. KEPT: there has been a valid version since boot. */
static const char *consequence(const struct unit *unit, bool kept)
{
    if (kept)
        return "units keep the settings of its last valid version";
    if (is_main(unit) && activation_is_enabled(unit))
        return "it is ignored: limits and addresses are those of the unit files, and the service "
               "has its ordinary sandbox, with network access";
    return "it is ignored: the limits are those of the unit file";
}

/* The settings in the file at PATH, or its last valid version, or NULL. */
static struct settings *load(const struct unit *unit, const char *path)
{
    struct problems problems = {0};
    struct settings *settings = settings_load(path, &problems);

    log_problems(unit, &problems);
    if (settings) {
        last_valid_save(unit, settings);
    } else {
        settings = last_valid_load(unit);
        notice_invalid(unit, consequence(unit, settings != NULL));
    }
    problems_free(&problems);
    return settings;
}

static void generate_from(const struct unit *unit, const char *path)
{
    struct settings *settings = load(unit, path);

    if (settings)
        limits_write(unit, settings);
    if (settings && is_main(unit))
        activation_write(unit, settings);
    settings_free(settings);
}

/* Returns 1 if there is a file at PATH, 0 if not, or -EINVAL if it is of another type. A pipe would
 * block, and so delay the boot. */
static int has_file(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return errno == ENOENT ? 0 : 1; /* reading it will report the error */
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? 1 : -EINVAL;
}

static void generate(struct unit unit)
{
    char path[PATH_MAX], service[NAME_MAX + 32];

    snprintf(path, sizeof(path), "%s" CONFIG_DIRECTORY "/%s" EXTENSION, unit.root, unit.name);
    snprintf(service, sizeof(service), is_main(&unit) ? "%s.service" : "echod@%s.service",
             unit.name);
    unit.service = service;
    int r = has_file(path);
    if (r < 0)
        notice_text(&unit, LOG_ERR, "%s is not a regular file, so it is ignored", path);
    else if (r == 0 && is_main(&unit)) /* only instances are configured */
        notice_text(&unit, LOG_INFO, "there is no %s, so nothing is generated", path);
    else
        generate_from(&unit, path);
}

/* Whether the file ENTRY is the configuration of an instance. */
static int is_instance_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), end = strlen(EXTENSION);

    return len > end && strcmp(entry->d_name + len - end, EXTENSION) == 0 &&
           entry->d_name[0] != '.' && strcmp(entry->d_name, MAIN_NAME EXTENSION) != 0;
}

/* Whether NAME has the characters and the length that systemd.unit(5) permits. */
static bool can_be_instance(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789:-_.\\@";

    return name[strspn(name, allowed)] == '\0' &&
           strlen(name) + strlen("echod@.service") <= NAME_MAX;
}

static void generate_instance(struct unit unit, const char *name)
{
    char safe[ESCAPED_SIZE(NAME_MAX)];

    unit.name = name;
    if (can_be_instance(name)) {
        generate(unit);
        return;
    }
    escape_bytes(safe, name, strlen(name), NULL);
    unit.service = "echod.service"; /* the closest existing unit */
    notice_text(&unit, LOG_WARNING,
                CONFIG_DIRECTORY "/%s" EXTENSION
                                 " is ignored: not a valid name for a unit (see systemd-escape(1))",
                safe);
}

static void generate_instances(struct unit unit)
{
    char path[PATH_MAX];
    struct dirent **entries;

    snprintf(path, sizeof(path), "%s" CONFIG_DIRECTORY, unit.root);
    int count = scandir(path, &entries, is_instance_file, alphasort);
    for (int i = 0; i < count; i++) {
        entries[i]->d_name[strlen(entries[i]->d_name) - strlen(EXTENSION)] = '\0';
        generate_instance(unit, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    else if (errno != ENOENT)
        notice_text(&unit, LOG_ERR,
                    "cannot read %s, so no drop-ins are generated for instances: %s", path,
                    strerror(errno));
}

static const char help[] =
    "Usage: echod-generator [--root ROOT] DIRECTORY [EARLY LATE]\n\n"
    "Writes systemd drop-ins for the configurations " CONFIG_DIRECTORY "/*.conf\n"
    "into DIRECTORY; with --root, for the files below ROOT. systemd runs this at boot and at\n"
    "each daemon-reload; see systemd.generator(7) and echod(8).";

int main(int argc, char **argv)
{
    struct unit unit = {.root = "", .name = MAIN_NAME};

    signal(SIGXFSZ, SIG_IGN); /* a write beyond RLIMIT_FSIZE fails with EFBIG instead */
    int r = fd_ensure_standard();
    if (r < 0) {
        fprintf(stderr, "echod-generator: cannot open /dev/null: %s\n", strerror(-r));
        return EXIT_OSERR;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return puts(help) < 0;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("echod-generator (echod) " PACKAGE_VERSION) < 0;
    if (argc > 3 && strcmp(argv[1], "--root") == 0) {
        unit.root = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc < 2 || argv[1][0] == '-') {
        fputs("echod-generator: expected the directory to write to; systemd runs this program\n",
              stderr);
        return EXIT_USAGE;
    }
    if (argc > 4) {
        fprintf(stderr, "echod-generator: unexpected operand: %s\n", argv[4]);
        return EXIT_USAGE;
    }
    unit.directory = argv[1];
    generate(unit);
    generate_instances(unit);
    return 0;
}
