#include "daemon/run.h"

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/file.h"
#include "config/sections.h"
#include "daemon/configuration.h"
#include "daemon/daemon.h"
#include "daemon/ends.h"
#include "daemon/inetd.h"
#include "daemon/loop.h"
#include "daemon/process/detach.h"
#include "daemon/process/dumpable.h"
#include "daemon/process/executable.h"
#include "daemon/process/notify.h"
#include "daemon/process/pid_file.h"
#include "daemon/process/system_limits.h"
#include "daemon/reload/dry_run.h"
#include "daemon/setup.h"
#include "daemon/state.h"
#include "daemon/status.h"
#include "daemon/stop.h"
#include "daemon/supervise/process_handover.h"
#include "daemon/supervise/self_test.h"
#include "daemon/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a reload waits for the previous datagram workers. They usually exit within 1 ms. */
#define RETIRE_TIME (250 * USEC_PER_MSEC)

/* The descriptors of a connection to the scribe, until its ends have been passed on. */
#define STORE_DESCRIPTORS 2
/* Descriptors in addition to the listeners, including waiting clients. */
#define OTHER_DESCRIPTORS (18 + WAITING_LIST_MAX)

struct run {
    const struct command *command;
    struct daemon daemon;
    bool resumed; /* took over from the previous program after a reload */
    int ready;    /* a pipe to the process that waits in the terminal (--daemon), or -1 */
};

static int lock_pid_file(struct run *run)
{
    const char *path = run->command->pid_file;

    if (!path || run->resumed)
        return 0;
    int r = pid_file_write(&run->daemon.pid_file, path);
    if (r == -EAGAIN)
        log_error(&run->daemon.log, "another echod is already running: it has locked %s", path);
    else if (r < 0)
        log_error(&run->daemon.log, "cannot write the pid file %s: %s", path, file_error(-r));
    return r == -EAGAIN ? EXIT_UNAVAILABLE : r < 0 ? EXIT_CANTCREAT : 0;
}

/* The only use of standard output, so that a reader can close it afterwards. Not in a terminal,
 * where log records show the same. */
static void print_listeners(const struct listeners *listeners)
{
    if (!isatty(STDOUT_FILENO) || !fd_same_file(STDOUT_FILENO, STDERR_FILENO))
        listeners_print(listeners);
    detach_silence(STDOUT_FILENO);
}

static bool stores_messages(const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->item[i].settings->service == SERVICE_MESSAGE)
            return true;
    return false;
}

static void check_limits(struct daemon *d)
{
    const struct listeners *listeners = &d->listeners;
    const struct system_needs need = {
        .clients = d->settings->server->max_clients,
        .datagram_sockets = listeners_datagram_count(listeners),
        .listeners = listeners->count,
        .other_descriptors = OTHER_DESCRIPTORS,
        .stores_messages = stores_messages(listeners),
    };

    system_limits_check(&d->log, &need);
}

/* Checks that a first client can be served; a reload does so in its dry run. Returns 0 or the exit
 * status. */
static int find_room(struct daemon *d)
{
    size_t client = 1 + (stores_messages(&d->listeners) ? STORE_DESCRIPTORS : 0);
    int r = system_limits_try_descriptors(client);

    if (r < 0) {
        log_error(&d->log, "no client can be served: %s (LimitNOFILE=, ulimit -n)", strerror(-r));
        return EXIT_OSERR;
    }
    if (listeners_datagram_count(&d->listeners) > 0)
        r = system_limits_try_datagram_calls();
    if (r < 0)
        log_error(&d->log,
                  "no datagram can be answered: %s; does a container or a system call filter "
                  "restrict echod?",
                  strerror(-r));
    return r < 0 ? EXIT_OSERR : 0;
}

/* Reports that the server is listening, to all who wait for it. */
static void announce(struct run *run)
{
    struct daemon *d = &run->daemon;

    check_limits(d);
    if (!run->resumed) {
        print_listeners(&d->listeners);
    }
    listeners_log(&d->listeners, &d->log);
    if (d->notifier.manager)
        listeners_store(&d->listeners);
    const struct service_status status = status_of(d);
    notify_ready(&d->notifier, &status);
    notify_check(&d->notifier, &d->log);
    if (run->ready >= 0)
        detach_finish(run->ready, 0);
    run->ready = -1;
}

/* Opens the listeners. Returns 0 or the exit status. After a reload, the server continues with
 * those that it could open. */
static int go_live(struct run *run, struct inherited *passed)
{
    struct daemon *d = &run->daemon;

    datagram_workers_retire(&d->datagrams);
    ends_await_datagram_workers(d, clock_now() + RETIRE_TIME);
    int status = run->resumed ? 0 : self_test(&d->jobs, &d->sessions.slots, &d->log);
    if (status == 0)
        status = listeners_open(&d->listeners, d->settings, passed, &d->log, false);

    if (run->resumed) {
        takeover_announce(d, status);
        status = 0;
    }
    if (status == 0)
        status = lock_pid_file(run);
    if (status != 0)
        return status;
    control_open(&d->control, d->control.listener);
    if (!run->resumed)
        status = find_room(d);
    if (status != 0)
        return status;
    datagram_workers_start(&d->datagrams);
    announce(run);
    return 0;
}

static enum sink choose_sink(const struct command *command)
{
    if (!command_line_stderr_is_client(command))
        return sink_choose(command->daemon);
    detach_silence(STDERR_FILENO);
    return SINK_SYSLOG;
}

/* PASSED are the sockets that systemd has passed, if any. It becomes empty. */
static int serve(struct run *run, const struct daemon_plan *plan, struct inherited *passed)
{
    int status = daemon_open(&run->daemon, plan, passed);

    if (status == 0)
        status =
            run->command->action == ACTION_INETD ? inetd_admit(&run->daemon) : go_live(run, passed);
    if (status == 0)
        loop_run(&run->daemon);
    else
        notify_failed(run->daemon.log.complaint);
    daemon_close(&run->daemon);
    pid_file_remove(&run->daemon.pid_file, run->command->pid_file);
    return status;
}

static int detach(struct run *run)
{
    run->ready = detach_begin();
    if (run->ready >= 0)
        return 0;
    fprintf(stderr, "echod: cannot detach from the terminal: %s\n", strerror(-run->ready));
    return EXIT_OSERR;
}

int run_server(const struct command *command, const struct title *title)
{
    struct daemon_plan plan = {
        .title = title, .config = command->config, .pid_path = command->pid_file};
    struct run run = {.command = command, .ready = -1};
    struct inherited passed = {0};
    int status = EXIT_CONFIG;

    dumpable_set(false);
    if (fd_ensure_standard() < 0) {
        fprintf(stderr, "echod: cannot open /dev/null: %s\n", strerror(errno));
        return EXIT_OSERR;
    }
    if (command->action == ACTION_INETD)
        unsetenv("NOTIFY_SOCKET"); /* it belongs to inetd, and there is nothing to report */
    plan.handover = command->action == ACTION_SERVE ? handover_find() : -1;
    run.resumed = plan.handover >= 0;
    if (command->action == ACTION_SERVE && !run.resumed)
        inherited_from_systemd(&passed);
    struct settings *settings =
        run.resumed ? dry_run_settings(plan.handover, processes_find_records(plan.handover))
                    : configuration_load(command, command->action == ACTION_SERVE, &status);
    if (!settings) {
        inherited_free(&passed);
        return run.resumed ? EXIT_OSERR : status;
    }
    dumpable_set(settings->server->core_dumps);
    status = command->daemon && !run.resumed ? detach(&run) : 0;
    char *program = run.resumed ? text_copy(command->name) : executable_path(command->name);
    if (status == 0) {
        plan.settings = settings;
        plan.program = program;
        plan.sink = choose_sink(command);
        status = serve(&run, &plan, &passed);
    }
    inherited_free(&passed);
    if (run.ready >= 0)
        detach_finish(run.ready, status);
    free(program);
    settings_free(settings);
    return status;
}
