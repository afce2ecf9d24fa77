#include "daemon/setup.h"

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "daemon/admission/access.h"
#include "daemon/ends.h"
#include "daemon/process/children.h"
#include "daemon/process/system_limits.h"
#include "daemon/state.h"
#include "daemon/supervise/fork_exec.h"
#include "daemon/supervise/process_handover.h"
#include "daemon/supervise/worker_signals.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The user ID of nobody, used if there is no user echod. */
#define NOBODY 65534
/* How long the scribe may take at the end to write the queued records. */
#define FLUSH_TIME (2 * USEC_PER_SEC)

/* ---- setting up ---- */

static int failed(struct daemon *d, const char *what, int error)
{
    log_error(&d->log, "%s: %s", what, strerror(-error));
    return EXIT_OSERR;
}

/* Chooses the user that the fork server changes to if the daemon runs as root. */
static void choose_user(struct setup *setup)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam("echod") : NULL;

    setup->uid = setup->gid = geteuid() == 0 ? NOBODY : (uint32_t)-1;
    if (user && user->pw_uid != 0) {
        setup->uid = user->pw_uid;
        setup->gid = user->pw_gid;
    }
}

static int open_fork_servers(struct daemon *d, const struct daemon_plan *plan)
{
    struct setup setup = {.core_dumps = plan->settings->server->core_dumps,
                          .slots = d->sessions.slots.memory,
                          .doorbell = d->doorbell};

    choose_user(&setup);
    int r = fork_servers_open(&d->fork_servers, plan->program, &setup);
    return r < 0 ? failed(d, FORK_EXEC_NOT_FOUND, r) : 0;
}

static int open_afresh(struct daemon *d, const struct daemon_plan *plan)
{
    const struct server_settings *limits = plan->settings->server;
    int r = roster_open(&d->sessions.roster, limits->max_clients, &limits->source_prefix);

    if (r < 0)
        return failed(d, "cannot allocate memory for the clients", r);
    r = slots_open(&d->sessions.slots, limits->max_clients);
    if (r == 0)
        r = d->doorbell = doorbell_open();
    if (r < 0)
        return failed(d, "cannot allocate shared memory for the workers", r);
    r = scribe_process_open(&d->scribe, plan->sink, plan->title);
    if (r == 0)
        r = scribe_process_start(&d->scribe, clock_now());
    if (r < 0)
        return failed(d, "cannot start the scribe", r);
    r = open_fork_servers(d, plan);
    if (r != 0)
        return r;
    r = fork_servers_start(&d->fork_servers, clock_now());
    return r < 0 ? failed(d, "cannot start a fork server", r) : 0;
}

/* After a reload: assigns the running jobs to their fork servers again. */
static void claim_jobs(struct daemon *d)
{
    const struct roster *roster = &d->sessions.roster;
    const struct datagram_workers *datagrams = &d->datagrams;

    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job)
            fork_servers_claim(&d->fork_servers, roster->clients[i].server,
                               roster->clients[i].pid > 0);
    for (size_t i = 0; i < datagrams->count; i++)
        fork_servers_claim(&d->fork_servers, datagrams->item[i].server, datagrams->item[i].pid > 0);
}

/* After a reload: replaces the scribe and fork server if newer programs are installed. */
static void replace_outdated(struct daemon *d)
{
    const struct file_identity before = d->program_file;
    int r = 0;

    d->program_file = fork_exec_self();

    if (!d->fork_servers.current ||
        (d->fork_servers.executable >= 0 && fork_servers_outdated(&d->fork_servers)))
        r = fork_servers_start(&d->fork_servers, clock_now());
    if (r < 0)
        failed(d, "cannot start a fork server", r);
    if (d->scribe.pid > 0 && memcmp(&before, &d->program_file, sizeof(before)) != 0)
        scribe_process_retire(&d->scribe);
}

static int open_from_handover(struct daemon *d, const struct daemon_plan *plan,
                              struct inherited *passed)
{
    d->log.channel = processes_find_records(plan->handover);
    int r = state_restore(d, plan->handover, passed);

    if (r < 0)
        return failed(d, "cannot read the state of the previous echod", r);
    claim_jobs(d);
    worker_signal_again(&d->fork_servers, &d->sessions.roster);
    scribe_process_adopted(&d->scribe);
    open_fork_servers(d, plan); /* without it, those that run serve on */
    replace_outdated(d);
    return 0;
}

void daemon_init(struct daemon *d, const struct daemon_plan *plan)
{
    *d = (struct daemon){
        .settings = plan->settings,
        .title = plan->title,
        .program = plan->program,
        .config = plan->config,
        .pid_path = plan->pid_path,
        .scribe = SCRIBE_PROCESS_NONE,
        .fork_servers = FORK_SERVERS_NONE,
        .doorbell = -1,
        .sessions = {.slots = {.memory = -1}, .counters = &d->counters, .log = &d->session_log},
        .admission = {.settings = plan->settings,
                      .sessions = &d->sessions,
                      .jobs = &d->jobs,
                      .log = &d->log,
                      .policy = {.settings = plan->settings, .roster = &d->sessions.roster}},
        .session_log = {.log = &d->log,
                        .limit = &d->log_limit,
                        .normal = plan->settings->server->log_sessions},
        .datagrams = {.listeners = &d->listeners,
                      .jobs = &d->jobs,
                      .counters = &d->counters,
                      .log = &d->log,
                      .log_counts = plan->settings->server->log_sessions,
                      .slots = {.memory = -1}},
        .signals = {.fd = -1},
        .pid_file = -1,
        .log = {.level = (int)plan->settings->server->log_level, .channel = -1},
    };
    d->jobs = (struct jobs){
        .servers = &d->fork_servers, .scribe = &d->scribe, .settings = plan->settings->server};
    control_init(&d->control, &d->log);
    reload_init(&d->reload, plan->program, plan->config, &d->log);
    d->metrics = (struct metrics_file){.path = plan->settings->server->metrics_file.len > 0
                                                   ? plan->settings->server->metrics_file.data
                                                   : "",
                                       .title = plan->title,
                                       .log = &d->log};
    d->started = clock_now();
}

int daemon_open(struct daemon *d, const struct daemon_plan *plan, struct inherited *passed)
{
    daemon_init(d, plan);
    notify_open(&d->notifier);
    d->program_file = fork_exec_self();
    children_adopt_orphans();
    system_limits_raise_descriptors();
    int r = signals_open(&d->signals);
    if (r < 0)
        return failed(d, "cannot set up signals", r);
    int status = plan->handover < 0 ? open_afresh(d, plan) : open_from_handover(d, plan, passed);
    if (status == 0)
        d->log.channel = d->scribe.records_out;
    if (status == 0 && (r = access_open(&d->admission.policy)) < 0)
        status = failed(d, "cannot allocate memory for source_rate", r);
    d->log.total_dropped = &d->counters.dropped;
    return status;
}

/* ---- closing ---- */

/* The scribe exits once its queues are empty. The daemon does not wait for one that hangs. */
static void stop_scribe(struct daemon *d)
{
    uint64_t deadline = clock_now() + FLUSH_TIME;
    pid_t pid = d->scribe.pid;
    siginfo_t info;

    log_limit_flush(&d->log_limit, &d->log, UINT64_MAX - 1);
    datagram_workers_summarise(&d->datagrams);
    log_report_dropped(&d->log);
    d->log.channel = -1;
    scribe_process_stop(&d->scribe);
    while (pid > 0 && waitpid(pid, NULL, WNOHANG | __WALL) == 0) {
        uint64_t now = clock_now();
        if (now >= deadline) {
            kill(pid, SIGKILL);
            break;
        }
        signals_take(&d->signals, &info, deadline - now);
    }
    scribe_process_close(&d->scribe);
}

void daemon_close(struct daemon *d)
{
    listeners_close(&d->listeners, d->notifier.manager);
    reload_abandon(&d->reload);
    metrics_file_abandon(&d->metrics);
    control_close(&d->control);
    fork_servers_close(&d->fork_servers);
    stop_scribe(d);
    datagram_workers_close(&d->datagrams);
    sessions_close(&d->sessions);
    fd_close(&d->doorbell);
    access_close(&d->admission.policy);
    fd_close(&d->signals.fd);
}
