#include "generator/dropin.h"

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "generator/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* The temporary name, which systemd ignores because of its suffix. */
static const char *fresh_name(const struct dropin *dropin, char *name)
{
    snprintf(name, DROPIN_PATH_MAX + 8, "%s.new", dropin->path);
    return name;
}

static void print_error(const struct dropin *dropin, const struct unit *unit, int error)
{
    char fresh[DROPIN_PATH_MAX + 8];

    unlink(fresh_name(dropin, fresh));
    notice_text(unit, LOG_ERR, "cannot write %s: %s", dropin->path, file_error(error));
}

/* Returns 0 or -errno. */
static int open_fresh(struct dropin *dropin)
{
    char fresh[DROPIN_PATH_MAX + 8];
    int fd = file_open(fresh_name(dropin, fresh), O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd < 0)
        return fd;
    dropin->to = fdopen(fd, "we");
    int r = dropin->to ? 0 : -errno;
    if (r < 0)
        fd_close(&fd);
    return r;
}

bool dropin_open(struct dropin *dropin, const struct unit *unit, const char *name, const char *file)
{
    snprintf(dropin->path, sizeof(dropin->path), "%s/%s.d", unit->directory, name);
    int r = mkdir(dropin->path, 0755) == 0 || errno == EEXIST ? 0 : -errno;
    if (r == 0) {
        text_append(dropin->path, sizeof(dropin->path), "/%s", file);
        r = open_fresh(dropin);
    }
    if (r < 0 || !dropin->to)
        print_error(dropin, unit, -r);
    else
        fprintf(dropin->to, "# Made by echod-generator from " CONFIG_DIRECTORY "/%s.conf\n",
                unit->name);
    return r == 0;
}

void dropin_close(const struct dropin *dropin, const struct unit *unit)
{
    char fresh[DROPIN_PATH_MAX + 8];
    bool failed = ferror(dropin->to) != 0;

    if (fclose(dropin->to) != 0 || failed || rename(fresh_name(dropin, fresh), dropin->path) < 0)
        print_error(dropin, unit, errno);
}

void dropin_write(FILE *to, const char *key, const char *value)
{
    fprintf(to, "%s=", key);
    for (; *value; value++)
        fputs(*value == '%' ? "%%" : (char[]){*value, '\0'}, to);
    fputc('\n', to);
}
