#include "daemon/control/metrics_file.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/passed_fds.h"
#include "config/sections.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Scrapes are rarely more frequent. */
#define INTERVAL (15 * USEC_PER_SEC)
/* A disk that takes longer is assumed to hang. */
#define WRITING_TIME (60 * USEC_PER_SEC)

/* Whether PATH exists and is not a regular file, so that it must not be replaced. */
static bool is_special_file(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

void metrics_file_check(const struct settings *settings, struct problems *problems)
{
    const char *path = settings->server->metrics_file.data;

    if (path[0] == '/' && is_special_file(path))
        problem_add(problems, FATAL, settings_origin(settings, settings->server, "metrics_file"),
                    "server", "metrics_file",
                    "%s is not a regular file, and would be replaced by one: choose another name",
                    path);
    else if (path[0] == '/' && file_lacks_directory(path))
        problem_add(problems, WARNING, settings_origin(settings, settings->server, "metrics_file"),
                    "server", "metrics_file", "%s: its directory does not exist", path);
}

/* Creates the file PATH, never the target of a link. Returns NULL, with errno, if that fails. */
static FILE *create(const char *path)
{
    struct stat st;

    umask(022); /* the collector runs as another user */
    if (lstat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)))
        unlink(path); /* a file that an earlier child has left */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

/* In the child: writes TEXT to a file next to PATH and renames it. The exit status is an errno. */
NORETURN static void write_file(const char *text, const char *path)
{
    char other[4096];

    if (snprintf(other, sizeof(other), "%s.new", path) >= (int)sizeof(other))
        _exit(ENAMETOOLONG);
    if (is_special_file(path))
        _exit(EINVAL);
    FILE *to = create(other);
    if (!to)
        _exit(errno);
    fputs(text, to);
    if (fclose(to) != 0 || rename(other, path) < 0) {
        int error = errno;
        unlink(other);
        _exit(error);
    }
    _exit(0);
}

/* In the child. Closes all descriptors first, because a hanging disk may keep the child alive. */
NORETURN static void writer_main(const struct metrics_file *metrics, const char *text, pid_t parent)
{
    const int kept[] = {STDERR_FILENO};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
        passed_fds_close_from(0, kept, ARRAY_SIZE(kept)) < 0)
        _exit(EINTR);
    title_set(metrics->title, "echod: metrics");
    write_file(text, metrics->path);
}

/* Whether metrics_file is set. Not for --inetd, which counts only one client. */
static bool is_wanted(const struct metrics_file *metrics)
{
    return metrics->path[0] && !metrics->closed;
}

/* The child has taken too long. If SIGKILL does not end it, no further file is written. */
static void give_up(struct metrics_file *metrics)
{
    kill(metrics->writer, SIGKILL);
    metrics->next = UINT64_MAX;
    log_warning(metrics->log, "metrics_file: cannot write %s: the disk takes too long",
                metrics->path);
}

bool metrics_file_run(struct metrics_file *metrics, uint64_t now)
{
    if (!is_wanted(metrics) || now < metrics->next)
        return false;
    if (metrics->writer)
        give_up(metrics);
    return !metrics->writer;
}

void metrics_file_write(struct metrics_file *metrics, const char *text, uint64_t now)
{
    pid_t parent = getpid(), pid = text ? fork() : -1;

    if (pid == 0)
        writer_main(metrics, text, parent);
    metrics->next = now + (pid > 0 ? WRITING_TIME : INTERVAL);
    if (pid > 0)
        metrics->writer = pid;
}

uint64_t metrics_file_next(const struct metrics_file *metrics)
{
    return is_wanted(metrics) ? metrics->next : UINT64_MAX;
}

void metrics_file_close(struct metrics_file *metrics)
{
    metrics->closed = true;
}

void metrics_file_abandon(struct metrics_file *metrics)
{
    if (metrics->writer)
        kill(metrics->writer, SIGKILL);
}

/* Logs an error that persists only once. */
static void log_outcome(struct metrics_file *metrics, int error)
{
    bool known = metrics->error == error;

    metrics->error = error;
    if (known)
        return;
    if (error)
        log_warning(metrics->log, "metrics_file: cannot write %s: %s%s", metrics->path,
                    file_error(error),
                    error == EROFS ? " (a service needs ReadWritePaths= for its directory)" : "");
    else
        log_notice(metrics->log, "metrics_file: writing %s again", metrics->path);
}

bool metrics_file_ended(struct metrics_file *metrics, pid_t pid, int status)
{
    bool given_up = metrics->next == UINT64_MAX;

    if (metrics->writer == 0 || pid != metrics->writer)
        return false;
    metrics->writer = 0;
    metrics->next = clock_now() + INTERVAL;
    if (!WIFEXITED(status) && !given_up)
        log_warning(metrics->log, "metrics_file: its writer was killed by signal %d",
                    WTERMSIG(status));
    else if (WIFEXITED(status))
        log_outcome(metrics, WEXITSTATUS(status));
    return true;
}
