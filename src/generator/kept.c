#include "generator/kept.h"

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

/* Where systemd has its own, wherever ours is. */
#define KEPT_DIRECTORY "/run/echod-generator"

/* Returns 0, or -errno and nothing has changed. */
static int write_whole(const char *path, const struct settings *settings)
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

static void kept_path(const struct generation *generation, char *path, size_t size)
{
    snprintf(path, size, "%s" KEPT_DIRECTORY "/%s.conf", generation->root, generation->name);
}

void kept_save(const struct generation *generation, const struct settings *settings)
{
    char path[PATH_MAX - 8];

    snprintf(path, sizeof(path), "%s" KEPT_DIRECTORY, generation->root);
    mkdir(path, 0700);
    kept_path(generation, path, sizeof(path));
    int r = write_whole(path, settings);
    if (r < 0)
        notice_text(generation, LOG_WARNING, "%s cannot be written: %s", path, file_error(-r));
}

struct settings *kept_load(const struct generation *generation)
{
    struct problems problems = {0};
    char path[PATH_MAX];

    kept_path(generation, path, sizeof(path));
    struct settings *settings = settings_load(path, &problems);
    problems_free(&problems);
    return settings;
}
