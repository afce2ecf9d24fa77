#include "daemon/metrics.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/passed_fds.h"
#include "config/sections.h"
#include "daemon/report.h"
#include "daemon/server.h"

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

/* A scrape is rarely more frequent. */
#define INTERVAL (15 * USEC_PER_SEC)
/* A disk that takes longer is not one that will. */
#define WRITING_TIME (60 * USEC_PER_SEC)

/* Whether something else than a regular file is at PATH: it is somebody's, and not to be replaced.
 */
static bool is_no_file(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

void metrics_check(const struct settings *settings, struct problems *problems)
{
    const char *path = settings->server->metrics_file.data;

    if (path[0] == '/' && is_no_file(path))
        problem_add(problems, FATAL, settings_origin(settings, settings->server, "metrics_file"),
                    "server", "metrics_file",
                    "%s is not a regular file, and would be replaced by one: give another name",
                    path);
}

/* Makes the file PATH anew, never what a link of that name points to. NULL, and errno. */
static FILE *create(const char *path)
{
    struct stat st;

    umask(022); /* the collector is somebody else */
    if (lstat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)))
        unlink(path); /* nothing else of this name can be ours */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

/* In the child: writes TEXT to a file beside PATH and renames it. The exit status is an errno. */
NORETURN static void write_file(const char *text, const char *path)
{
    char other[4096];

    if (snprintf(other, sizeof(other), "%s.new", path) >= (int)sizeof(other))
        _exit(ENAMETOOLONG);
    if (is_no_file(path))
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

/* In the child, which is to hold nothing that others wait for if the disk lets it hang. */
NORETURN static void become_writer(const struct server *server, const char *text, pid_t parent)
{
    const int kept[] = {STDERR_FILENO};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
        passed_fds_close_from(0, kept, ARRAY_SIZE(kept)) < 0)
        _exit(EINTR);
    title_set(server->title, "echod: metrics");
    write_file(text, server->settings->server->metrics_file.data);
}

/* Forks a process that writes what is to be told now: formatted here, since children are forked
 * without the counts of the workers. Returns its ID, or -errno. */
static pid_t start_writer(struct server *server)
{
    pid_t parent = getpid();
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    if (!to)
        return -errno;
    report_metrics(server, to);
    pid_t pid = fclose(to) == 0 ? fork() : -1;
    if (pid == 0)
        become_writer(server, text, parent);
    free(text);
    return pid;
}

/* Not by an echod of one client (--inetd), whose counts are not those of the service. */
static bool is_wanted(const struct server *server)
{
    return server->settings->server->metrics_file.len > 0 && server->phase == PHASE_SERVING;
}

/* The writer's time is over. It may not end even so: then there is no other one. */
static void give_up(struct server *server)
{
    kill(server->metrics.writer, SIGKILL);
    server->metrics.next = UINT64_MAX;
    log_warning(&server->log, "metrics_file: %s cannot be written: its disk takes too long",
                server->settings->server->metrics_file.data);
}

void metrics_turn(struct server *server, uint64_t now)
{
    struct metrics *metrics = &server->metrics;

    if (!is_wanted(server) || now < metrics->next)
        return;
    if (metrics->writer) {
        give_up(server);
        return;
    }
    pid_t pid = start_writer(server);
    metrics->next = now + (pid > 0 ? WRITING_TIME : INTERVAL);
    if (pid > 0)
        metrics->writer = pid;
}

uint64_t metrics_next(const struct server *server)
{
    return is_wanted(server) ? server->metrics.next : UINT64_MAX;
}

void metrics_abandon(struct server *server)
{
    if (server->metrics.writer)
        kill(server->metrics.writer, SIGKILL);
}

/* An error that lasts is told once. */
static void explain(struct server *server, int error)
{
    const char *path = server->settings->server->metrics_file.data;
    bool known = server->metrics.error == error;

    server->metrics.error = error;
    if (known)
        return;
    if (error)
        log_warning(&server->log, "metrics_file: %s cannot be written: %s%s", path,
                    file_error(error),
                    error == EROFS ? " (a service needs ReadWritePaths= for its directory)" : "");
    else
        log_notice(&server->log, "metrics_file: %s is written again", path);
}

void metrics_finish(struct server *server, int status)
{
    bool given_up = server->metrics.next == UINT64_MAX;

    server->metrics.writer = 0;
    server->metrics.next = clock_now() + INTERVAL;
    if (!WIFEXITED(status) && !given_up)
        log_warning(&server->log, "metrics_file: its writer was killed by signal %d",
                    WTERMSIG(status));
    else if (WIFEXITED(status))
        explain(server, WEXITSTATUS(status));
}
