#include "daemon/metrics.h"

#include "base/span.h"
#include "daemon/report.h"
#include "daemon/server.h"
#include "daemon/spawn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A scrape is rarely more frequent. */
#define INTERVAL (15 * USEC_PER_SEC)

/* In the child: writes a file beside PATH and renames it. The exit status is an errno. */
NORETURN static void write_file(struct server *server, const char *path)
{
    char other[4096];

    umask(022); /* the collector is somebody else */
    if (snprintf(other, sizeof(other), "%s.new", path) >= (int)sizeof(other))
        _exit(ENAMETOOLONG);
    FILE *to = fopen(other, "we");
    if (!to)
        _exit(errno);
    report_metrics(server, to);
    if (fclose(to) != 0 || rename(other, path) < 0) {
        int error = errno;
        unlink(other);
        _exit(error);
    }
    _exit(0);
}

static bool is_wanted(const struct server *server)
{
    return server->settings->server->metrics_file.len > 0;
}

void metrics_turn(struct server *server, uint64_t now)
{
    struct metrics *metrics = &server->metrics;

    if (!is_wanted(server) || metrics->writer || now < metrics->next)
        return;
    metrics->next = now + INTERVAL;
    pid_t pid = spawn(CHILD_SIGNAL);
    if (pid == 0)
        write_file(server, server->settings->server->metrics_file.data);
    if (pid > 0)
        metrics->writer = pid;
}

uint64_t metrics_next(const struct server *server)
{
    return is_wanted(server) && !server->metrics.writer ? server->metrics.next : UINT64_MAX;
}

void metrics_finish(struct server *server, int status)
{
    server->metrics.writer = 0;
    if (!WIFEXITED(status))
        log_warning(&server->log, "metrics_file: its writer was killed by signal %d",
                    WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        log_warning(&server->log, "metrics_file: %s cannot be written: %s",
                    server->settings->server->metrics_file.data, strerror(WEXITSTATUS(status)));
}
