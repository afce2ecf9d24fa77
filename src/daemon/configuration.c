#include "daemon/configuration.h"

#include "base/exit.h"
#include "base/fd.h"
#include "base/file.h"
#include "config/dump.h"
#include "config/load.h"
#include "config/sections.h"
#include "daemon/control/metrics_file.h"
#include "daemon/listen/bind_plan.h"
#include "daemon/listen/resolve_hosts.h"
#include "daemon/listen/socket_paths.h"
#include "daemon/process/dumpable.h"
#include "daemon/process/handover.h"
#include "daemon/process/notify.h"
#include "daemon/reload/dry_run.h"
#include "daemon/reload/reload.h"
#include "daemon/supervise/fork_exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static void print_problems(const struct command *command, const struct problems *problems)
{
    if (!command_line_stderr_is_client(command)) {
        problems_print(problems, stderr);
        return;
    }
    for (size_t i = 0; i < problems->count; i++)
        syslog(LOG_DAEMON | LOG_ERR, "%s", problems->list[i].text);
}

struct settings *configuration_load(const struct command *command, bool listen, int *status)
{
    bool by_hand = command->action == ACTION_CHECK && !getenv(DRY_RUN_VARIABLE);
    struct problems problems = {0};
    struct settings *settings = settings_load(command->config, &problems);

    if (settings && listen)
        resolve_hosts(settings, &problems);
    if (settings && listen && problems.fatal == 0)
        bind_plan_check(settings, &problems);
    if (settings && listen)
        metrics_file_check(settings, &problems);
    if (settings && listen)
        socket_paths_check(settings, !by_hand, &problems);
    print_problems(command, &problems);
    *status = problems_status(&problems);
    if (problems.fatal > 0) {
        settings_free(settings);
        settings = NULL;
    }
    for (size_t i = 0; i < problems.count && !settings; i++)
        if (problems.list[i].fatal) {
            notify_failed(problems.list[i].text);
            break;
        }
    problems_free(&problems);
    return settings;
}

/* What takes over needs it, and has no way back. Returns 0 or the exit status. */
static int find_fork_server(const struct command *command)
{
    struct file_identity file;
    int fd = fork_exec_open(command->name, &file);

    if (fd < 0) {
        fprintf(stderr, FORK_EXEC_NOT_FOUND ": %s\n", strerror(-fd));
        return EXIT_OSERR;
    }
    fd_close(&fd);
    return 0;
}

int configuration_check(const struct command *command)
{
    int handover = handover_find(), status;

    dumpable_set(handover < 0);
    if (handover >= 0 && file_is_descriptor(command->config)) {
        fd_close(&handover);
        fprintf(stderr, "cannot read %s a second time: a reload requires --config FILE\n",
                command->config);
        return EXIT_CONFIG;
    }
    struct settings *settings = configuration_load(command, true, &status);

    if (status == 0 && handover >= 0)
        status = find_fork_server(command);
    if (status == 0 && handover >= 0)
        status = dry_run_perform(settings, handover);
    settings_free(settings);
    if (status == 0 && handover < 0)
        printf("%s: the configuration is good\n", command->config);
    return status;
}

int configuration_dump(const struct command *command)
{
    int status;
    struct settings *settings = configuration_load(command, false, &status);

    if (!settings)
        return status;
    settings_dump(settings, stdout);
    settings_free(settings);
    return 0;
}
