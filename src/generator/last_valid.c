#include "generator/last_valid.h"

#include "base/fd.h"
#include "base/file.h"
#include "config/dump.h"
#include "config/load.h"
#include "generator/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* In /run, as for systemd itself, and not in a directory that configure has set. */
#define LAST_VALID_DIRECTORY "/run/echod-generator"

/* Returns 0, or -errno with nothing changed. */
static int write_atomically(const char *path, const struct settings *settings)
{
    char fresh[PATH_MAX];

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    int fd = file_open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return fd;
    FILE *to = fdopen(fd, "we");
    if (!to) {
        int error = errno;
        fd_close(&fd);
        return -error;
    }
    settings_dump(settings, to);
    bool failed = ferror(to) != 0;
    if (fclose(to) == 0 && !failed && rename(fresh, path) == 0)
        return 0;
    int r = -errno;
    unlink(fresh);
    return r;
}

static void last_valid_path(const struct unit *unit, char *path, size_t size)
{
    snprintf(path, size, "%s" LAST_VALID_DIRECTORY "/%s.conf", unit->root, unit->name);
}

void last_valid_save(const struct unit *unit, const struct settings *settings)
{
    char path[PATH_MAX - 8];

    snprintf(path, sizeof(path), "%s" LAST_VALID_DIRECTORY, unit->root);
    mkdir(path, 0700);
    last_valid_path(unit, path, sizeof(path));
    int r = write_atomically(path, settings);
    if (r < 0)
        notice_text(unit, LOG_WARNING, "cannot write %s: %s", path, file_error(-r));
}

struct settings *last_valid_load(const struct unit *unit)
{
    struct problems problems = {0};
    char path[PATH_MAX];

    last_valid_path(unit, path, sizeof(path));
    struct settings *settings = settings_load(path, &problems);
    problems_free(&problems);
    return settings;
}
