#include "daemon/process/system_limits.h"

#include "base/fd.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Processes other than workers: daemon, scribe and fork server. */
#define OTHER_TASKS 3

/* Finds the path of this process's cgroup below /sys/fs/cgroup (cgroups(7), version 2). */
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

/* Returns pids.max of the cgroup, which TasksMax= sets; UINT64_MAX if there is none. */
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
        number_parse(text, &max); /* "max" means no limit, and leaves it unchanged */
    }
    fclose(file);
    return max;
}

/* RLIMIT_NPROC does not apply to root, but workers never run as root. */
static uint64_t user_tasks(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NPROC, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

/* During a reload, a datagram socket may have two workers. */
static void warn_tasks(struct log *log, const struct system_needs *need, uint64_t tasks,
                       const char *limit)
{
    char more[64] = "";

    if (need->clients + 2 * need->datagram_sockets + OTHER_TASKS <= tasks)
        return;
    if (need->datagram_sockets > 0)
        snprintf(more, sizeof(more), " and there %s %llu datagram socket%s",
                 need->datagram_sockets == 1 ? "is" : "are",
                 (unsigned long long)need->datagram_sockets, plural(need->datagram_sockets));
    log_warning(log,
                "max_clients = %llu%s, but %s allows only %llu process%s: raise it or expect "
                "clients to be refused",
                (unsigned long long)need->clients, more, limit, (unsigned long long)tasks,
                tasks == 1 ? "" : "es");
}

void system_limits_check(struct log *log, const struct system_needs *need)
{
    struct rlimit files;

    warn_tasks(log, need, cgroup_tasks(), "TasksMax= (the cgroup's pids.max)");
    warn_tasks(log, need, user_tasks(), "LimitNPROC= (ulimit -u)");
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    unsigned long long most = files.rlim_cur, used = need->listeners + need->other_descriptors;
    if (used > most)
        log_warning(log,
                    "LimitNOFILE= (ulimit -n) allows only %llu descriptors, and %zu listener%s "
                    "%llu: raise it or expect clients to wait",
                    most, need->listeners, need->listeners == 1 ? " requires" : "s require", used);
    else if (need->stores_messages && used + need->clients > most)
        log_warning(
            log,
            "max_clients = %llu, but LimitNOFILE= (ulimit -n) allows only %llu descriptors, and "
            "each client of a message listener takes one: raise it or expect clients to wait",
            (unsigned long long)need->clients, most);
}

/* The soft limit is low for programs that use select(2), which echod does not. */
void system_limits_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int system_limits_try_descriptors(size_t count)
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

int system_limits_try_datagram_calls(void)
{
    const struct timespec at_once = {0};

    if (recvmmsg(-1, NULL, 0, MSG_CMSG_CLOEXEC, NULL) < 0 && errno != EBADF)
        return -errno;
    if (sendmmsg(-1, NULL, 0, 0) < 0 && errno != EBADF)
        return -errno;
    return ppoll(NULL, 0, &at_once, NULL) < 0 && errno != EINTR ? -errno : 0;
}
