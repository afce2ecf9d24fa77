#include "daemon/limits.h"

#include "base/fd.h"
#include "config/sections.h"
#include "daemon/datagrams.h"
#include "daemon/doorstep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Processes besides the workers: daemon, scribe and fork server. Descriptors besides the listeners.
 */
#define OTHER_TASKS 3
#define OTHER_FILES (18 + DOORSTEP_PLACES)

/* The path of this process's cgroup below /sys/fs/cgroup (cgroups(7), version 2), or false. */
static bool own_cgroup(char *path, size_t size)
{
    char line[4096];
    FILE *file = fopen("/proc/self/cgroup", "re");
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file)) {
        found = strncmp(line, "0::", 3) == 0;
        line[strcspn(line, "\n")] = '\0';
        if (found)
            snprintf(path, size, "%s", line + 3);
    }
    if (file)
        fclose(file);
    return found;
}

/* The pids.max of the cgroup, which TasksMax= sets; UINT64_MAX where there is none. */
static uint64_t cgroup_tasks(void)
{
    char group[4096], path[5000], text[64];
    uint64_t max = UINT64_MAX;

    if (!own_cgroup(group, sizeof(group)))
        return max;
    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/pids.max", group);
    FILE *file = fopen(path, "re");
    if (!file)
        return max;
    if (fgets(text, sizeof(text), file)) {
        text[strcspn(text, "\n")] = '\0';
        number_parse(text, &max); /* "max" is no number, and none is what it means */
    }
    fclose(file);
    return max;
}

/* Root is not bound by RLIMIT_NPROC, but workers never run as root. */
static uint64_t user_tasks(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NPROC, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

static bool stores_messages(const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->item[i].settings->service == SERVICE_MESSAGE)
            return true;
    return false;
}

struct need {
    uint64_t clients, datagrams; /* workers of each kind */
};

/* At a reload a datagram socket may have two workers for a moment. */
static void warn_tasks(struct log *log, const struct need *need, uint64_t tasks, const char *limit)
{
    char more[64] = "";

    if (need->clients + 2 * need->datagrams + OTHER_TASKS <= tasks)
        return;
    if (need->datagrams > 0)
        snprintf(more, sizeof(more), " and there %s %llu datagram socket%s",
                 need->datagrams == 1 ? "is" : "are", (unsigned long long)need->datagrams,
                 plural(need->datagrams));
    log_warning(log,
                "max_clients = %llu%s, but %s allows only %llu process%s: raise it or expect "
                "clients to be refused",
                (unsigned long long)need->clients, more, limit, (unsigned long long)tasks,
                tasks == 1 ? "" : "es");
}

void limits_check(struct log *log, const struct settings *settings,
                  const struct listeners *listeners)
{
    struct need need = {.clients = settings->server->max_clients,
                        .datagrams = datagrams_wanted(listeners)};
    struct rlimit files;

    warn_tasks(log, &need, cgroup_tasks(), "TasksMax= (the cgroup's pids.max)");
    warn_tasks(log, &need, user_tasks(), "LimitNPROC= (ulimit -u)");
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    unsigned long long most = files.rlim_cur, used = listeners->count + OTHER_FILES;
    if (used > most)
        log_warning(log,
                    "%zu listener%s too few of the %llu descriptors that LimitNOFILE= "
                    "(ulimit -n) allows",
                    listeners->count, listeners->count == 1 ? " leaves" : "s leave", most);
    else if (stores_messages(listeners) && used + need.clients > most)
        log_warning(
            log,
            "max_clients = %llu, but LimitNOFILE= (ulimit -n) allows only %llu descriptors, and "
            "each client of a message listener takes one: raise it or expect clients to wait",
            (unsigned long long)need.clients, most);
}

int limits_try_descriptors(size_t count)
{
    int *fds = malloc(count * sizeof(*fds)), r = fds ? 0 : -ENOMEM;
    size_t opened = 0;

    while (r == 0 && opened < count) {
        fds[opened] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
        if (fds[opened] < 0)
            r = -errno;
        else
            opened++;
    }
    while (opened > 0)
        fd_close(&fds[--opened]);
    free(fds);
    return r;
}

/* ---- directories for temporary files ---- */

/* Whether this process has a /tmp of its own: PrivateTmp= of systemd.exec(5), by proc(5)'s
 * mountinfo: "ID PARENT DEVICE ROOT PLACE ...". */
static bool has_private_tmp(void)
{
    char line[4096], root[1024], place[1024];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file))
        found = sscanf(line, "%*s %*s %*s %1023s %1023s", root, place) == 2 &&
                strcmp(place, "/tmp") == 0 && strstr(root, "systemd-private-");
    if (file)
        fclose(file);
    return found;
}

static bool is_temporary(const char *path)
{
    static const char *const directories[] = {"/tmp/", "/var/tmp/"};

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
        if (strncmp(path, directories[i], strlen(directories[i])) == 0)
            return true;
    return false;
}

/* Whether the directory of PATH is missing, and nobody makes it when the service starts. */
static bool is_nowhere(const char *path)
{
    static const char run[] = RUNSTATEDIR "/";
    char *copy = text_copy(path);

    *strrchr(copy, '/') = '\0';
    bool missing = strncmp(path, run, strlen(run)) != 0 && copy[0] && access(copy, F_OK) < 0 &&
                   errno == ENOENT;
    free(copy);
    return missing;
}

static void warn_of_path(const struct settings *settings, const struct listen_settings *listen,
                         size_t index, const char *reason, struct problems *problems)
{
    char section[64];

    snprintf(section, sizeof(section), "listen %s", listen->name);
    problem_add(problems, WARNING, settings_item_origin(settings, listen, "address", index),
                section, "address", "%s: %s", listen->addresses.item[index], reason);
}

static void check_path(const struct settings *settings, const struct listen_settings *listen,
                       size_t index, bool certain, struct problems *problems)
{
    const char *path = listen->addresses.item[index];

    if (is_temporary(path))
        warn_of_path(settings, listen, index,
                     "a service has a /tmp of its own (PrivateTmp=), where no client finds it: put "
                     "it into /run/echod",
                     problems);
    if (!certain && path[0] == '/' && is_nowhere(path))
        warn_of_path(settings, listen, index, "its directory does not exist", problems);
}

void limits_check_paths(const struct settings *settings, bool certain, struct problems *problems)
{
    if (certain && !has_private_tmp())
        return;
    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct listen_settings *listen = settings->listens[i];
        for (size_t j = 0; protocol_is_unix(listen->protocol) && j < listen->addresses.count; j++)
            check_path(settings, listen, j, certain, problems);
    }
}
