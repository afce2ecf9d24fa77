#include "config/load.h"

#include "base/file.h"
#include "config/loading.h"
#include "config/sections.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns why a file or directory cannot be read. For a missing permission, REASON is used to name
 * the user. */
static const char *explain(int error, char *reason)
{
    const struct passwd *user = error == EACCES ? getpwuid(geteuid()) : NULL;

    snprintf(reason, REASON_MAX, "%s", file_error(error));
    if (error == EACCES)
        text_append(reason, REASON_MAX,
                    " for the user that echod runs as, %s%suid %u: grant it (chgrp and chmod g+r; "
                    "\"namei -l\" shows which directory may be in the way)",
                    user ? user->pw_name : "", user ? ", " : "", (unsigned)geteuid());
    return reason;
}

/* Whether ERROR may be temporary, rather than something that an edit can fix. */
static bool is_temporary(int error)
{
    return error == EIO || error == ENOMEM || error == EMFILE || error == ENFILE ||
           error == ESTALE || error == EAGAIN;
}

static void load_file(struct loading *in, const char *path)
{
    char reason[REASON_MAX];

    loading_enter(in, path);
    int r = inifile_read(path, &loading_events, in);
    if (r < 0)
        problem_add(in->problems, is_temporary(-r) ? TRANSIENT : FATAL,
                    (struct origin){.file = in->file}, NULL, NULL, "cannot be read: %s",
                    explain(-r, reason));
}

static void warn_ignored(struct loading *in, const char *path, const char *reason)
{
    problem_add(in->problems, WARNING, (struct origin){.file = path}, NULL, NULL, "is ignored: %s",
                reason);
}

/* Loads the drop-in at PATH. A link to /dev/null masks a drop-in of the same name elsewhere. */
static void load_drop_in(struct loading *in, const char *path)
{
    struct stat st;

    if (file_is_masked(path))
        return;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        warn_ignored(in, path, "it is not a regular file");
    else
        load_file(in, path);
}

static bool is_drop_in(const char *name)
{
    size_t len = strlen(name);

    return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

/* Backup files of editors and package managers, which are not mistaken for drop-ins. */
static bool is_left_over(const char *name)
{
    static const char *const patterns[] = {".*",     "*~",    "*.dpkg-*", "*.ucf-*",
                                           "*.rpm*", "*.bak", "*.old",    "README*"};

    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
        if (fnmatch(patterns[i], name, 0) == 0)
            return true;
    return false;
}

static int is_of_interest(const struct dirent *entry)
{
    return is_drop_in(entry->d_name) || !is_left_over(entry->d_name);
}

/* Reports that the drop-in DIRECTORY cannot be listed, unless it does not exist. */
static void report_unreadable_directory(struct loading *in, const char *directory, int error)
{
    char reason[REASON_MAX];
    struct stat st;

    if (stat(directory, &st) == 0 && !S_ISDIR(st.st_mode))
        warn_ignored(in, directory, "it is not a directory of drop-ins");
    else if (error == ENOENT && lstat(directory, &st) == 0)
        warn_ignored(in, directory, "it is a symbolic link to a directory that does not exist");
    else if (error != ENOENT && error != ENOTDIR)
        problem_add(in->problems, FATAL, (struct origin){.file = in->file}, NULL, NULL,
                    "cannot read its drop-ins, %s: %s", directory, explain(error, reason));
}

static void load_drop_ins(struct loading *in, const char *path)
{
    char directory[4096], file[sizeof(directory) + 256];
    struct dirent **entries;

    snprintf(directory, sizeof(directory), "%s.d", path);
    int count = scandir(directory, &entries, is_of_interest, alphasort);
    if (count < 0) {
        report_unreadable_directory(in, directory, errno);
        return;
    }
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof(file), "%s/%s", directory, entries[i]->d_name);
        if (is_drop_in(entries[i]->d_name))
            load_drop_in(in, file);
        else
            warn_ignored(in, file, "the name of a drop-in must end in .conf");
        free(entries[i]);
    }
    free(entries);
}

/* Reads the file PATH and then its drop-ins. */
static void read_all(struct loading *in, const char *path)
{
    load_file(in, path);
    load_drop_ins(in, path);
}

struct settings *settings_load(const char *path, struct problems *problems)
{
    struct loading in = loading_begin(problems);

    read_all(&in, path);
    struct settings *settings = loading_end(&in);
    if (problems->fatal == 0)
        return settings;
    settings_free(settings);
    return NULL;
}
