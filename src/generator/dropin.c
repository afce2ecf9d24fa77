#include "generator/dropin.h"

#include "base/file.h"
#include "base/text.h"
#include "generator/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

FILE *dropin_open(const struct generation *generation, const char *unit, const char *file)
{
    char path[4096];
    FILE *to = NULL;
    int error = 0;

    snprintf(path, sizeof(path), "%s/%s.d", generation->directory, unit);
    if (mkdir(path, 0755) == 0 || errno == EEXIST) {
        text_append(path, sizeof(path), "/%s", file);
        int fd = file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        to = fd < 0 ? NULL : fdopen(fd, "we");
        error = fd < 0 ? -fd : errno;
    } else {
        error = errno;
    }
    if (!to)
        notice_text(generation, LOG_ERR, "%s cannot be written: %s", path, file_error(error));
    else
        fprintf(to, "# Made by echod-generator from " CONFIG_DIRECTORY "/%s.conf\n",
                generation->name);
    return to;
}

void dropin_close(const struct generation *generation, FILE *to)
{
    bool failed = ferror(to) != 0;

    if (fclose(to) != 0 || failed)
        notice_text(generation, LOG_ERR, "%s: a drop-in for %s is not whole: %s",
                    generation->directory, generation->unit, strerror(errno));
}

void dropin_write(FILE *to, const char *key, const char *value)
{
    fprintf(to, "%s=", key);
    for (; *value; value++)
        fputs(*value == '%' ? "%%" : (char[]){*value, '\0'}, to);
    fputc('\n', to);
}
