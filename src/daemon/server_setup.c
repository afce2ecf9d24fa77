#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "daemon/server.h"

#include "daemon/admission/access.h"
#include "daemon/ends.h"
#include "daemon/handover.h"
#include "daemon/process/children.h"
#include "daemon/process/system_limits.h"
#include "daemon/supervise/fork_exec.h"
#include "daemon/supervise/worker_signals.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The user nobody, if there is no user echod. */
#define NOBODY 65534
/* How long the last scribe has at the end to write what is queued. */
#define LAST_WORDS_TIME (2 * USEC_PER_SEC)

/* ---- setting up ---- */

static int failed(struct server *server, const char *what, int error)
{
    log_error(&server->log, "%s: %s", what, strerror(-error));
    return EXIT_OSERR;
}

/* Whom workers are to be, if not who the daemon is: root is given up. */
static void choose_user(struct setup *setup)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam("echod") : NULL;

    setup->uid = setup->gid = geteuid() == 0 ? NOBODY : (uint32_t)-1;
    if (user && user->pw_uid != 0) {
        setup->uid = user->pw_uid;
        setup->gid = user->pw_gid;
    }
}

static int open_fork_servers(struct server *server, const struct server_plan *plan)
{
    struct setup setup = {.core_dumps = plan->settings->server->core_dumps,
                          .slots = server->sessions.slots.memory,
                          .doorbell = server->doorbell};

    choose_user(&setup);
    int r = fork_servers_open(&server->fork_servers, plan->program, &setup);
    return r < 0 ? failed(server, "echod-forkserver cannot be found", r) : 0;
}

static int open_afresh(struct server *server, const struct server_plan *plan)
{
    const struct server_settings *limits = plan->settings->server;
    int r = roster_open(&server->sessions.roster, limits->max_clients, &limits->source_prefix);

    if (r < 0)
        return failed(server, "no memory for the roster of clients", r);
    r = slots_open(&server->sessions.slots, limits->max_clients);
    if (r == 0)
        r = server->doorbell = doorbell_open();
    if (r < 0)
        return failed(server, "no shared memory for the workers", r);
    r = scribe_process_open(&server->scribe, plan->sink, plan->title);
    if (r == 0)
        r = scribe_process_start(&server->scribe, clock_now());
    if (r < 0)
        return failed(server, "the scribe cannot be started", r);
    r = open_fork_servers(server, plan);
    if (r != 0)
        return r;
    r = fork_servers_start(&server->fork_servers, clock_now());
    return r < 0 ? failed(server, "no fork server can be started", r) : 0;
}

/* Each fork server goes on with those that it had. */
static void claim_jobs(struct server *server)
{
    const struct roster *roster = &server->sessions.roster;
    const struct datagram_workers *datagrams = &server->datagrams;

    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job)
            fork_servers_claim(&server->fork_servers, roster->clients[i].server,
                               roster->clients[i].pid > 0);
    for (size_t i = 0; i < datagrams->count; i++)
        fork_servers_claim(&server->fork_servers, datagrams->item[i].server,
                           datagrams->item[i].pid > 0);
}

/* What is installed now takes over from what ran before the reload. */
static void replace_outdated(struct server *server)
{
    const struct file_identity before = server->program_file;
    int r = 0;

    server->program_file = fork_exec_self();

    if (!server->fork_servers.current || fork_servers_outdated(&server->fork_servers))
        r = fork_servers_start(&server->fork_servers, clock_now());
    if (r < 0)
        failed(server, "no fork server can be started", r);
    if (server->scribe.pid > 0 && memcmp(&before, &server->program_file, sizeof(before)) != 0)
        scribe_process_retire(&server->scribe);
}

static int open_from_handover(struct server *server, const struct server_plan *plan,
                              struct inherited *passed)
{
    server->log.channel = handover_records(plan->handover);
    int r = handover_read(plan->handover, server, passed);

    if (r < 0)
        return failed(server, "what the echod before left cannot be understood", r);
    claim_jobs(server);
    worker_signal_again(&server->fork_servers, &server->sessions.roster);
    scribe_process_adopted(&server->scribe);
    r = open_fork_servers(server, plan);
    if (r == 0)
        replace_outdated(server);
    return r;
}

void server_init(struct server *server, const struct server_plan *plan)
{
    *server = (struct server){
        .settings = plan->settings,
        .title = plan->title,
        .program = plan->program,
        .config = plan->config,
        .pid_path = plan->pid_path,
        .scribe = SCRIBE_PROCESS_NONE,
        .fork_servers = FORK_SERVERS_NONE,
        .doorbell = -1,
        .reload = RELOAD_NONE,
        .sessions = {.slots = {.memory = -1},
                     .counters = &server->counters,
                     .log = &server->session_log},
        .admission = {.settings = plan->settings,
                      .sessions = &server->sessions,
                      .jobs = &server->jobs,
                      .log = &server->log,
                      .policy = {.settings = plan->settings, .roster = &server->sessions.roster}},
        .session_log = {.log = &server->log,
                        .limit = &server->log_limit,
                        .normal = plan->settings->server->log_sessions},
        .datagrams = {.listeners = &server->listeners,
                      .jobs = &server->jobs,
                      .counters = &server->counters,
                      .log = &server->log,
                      .log_counts = plan->settings->server->log_sessions,
                      .slots = {.memory = -1}},
        .signals = {.fd = -1},
        .pid_file = -1,
        .log = {.level = (int)plan->settings->server->log_level, .channel = -1},
    };
    server->jobs = (struct jobs){.servers = &server->fork_servers,
                                 .scribe = &server->scribe,
                                 .settings = plan->settings->server};
    control_init(&server->control);
    server->started = clock_now();
}

int server_open(struct server *server, const struct server_plan *plan, struct inherited *passed)
{
    server_init(server, plan);
    notify_open(&server->notifier);
    server->program_file = fork_exec_self();
    children_adopt_orphans();
    system_limits_raise_descriptors();
    int r = signals_open(&server->signals);
    if (r < 0)
        return failed(server, "signals cannot be set up", r);
    int status =
        plan->handover < 0 ? open_afresh(server, plan) : open_from_handover(server, plan, passed);
    if (status == 0)
        server->log.channel = server->scribe.records_out;
    if (status == 0 && (r = access_open(&server->admission.policy)) < 0)
        status = failed(server, "no memory for source_rate", r);
    server->log.total_dropped = &server->counters.dropped;
    return status;
}

/* ---- closing ---- */

/* The scribe ends by itself once its queues are empty; one that hangs is not waited for. */
static void dismiss_scribe(struct server *server)
{
    uint64_t deadline = clock_now() + LAST_WORDS_TIME;
    pid_t pid = server->scribe.pid;
    siginfo_t info;

    log_limit_flush(&server->log_limit, &server->log, UINT64_MAX - 1);
    datagram_workers_summarise(&server->datagrams);
    log_report_dropped(&server->log);
    server->log.channel = -1;
    scribe_process_dismiss(&server->scribe);
    while (pid > 0 && waitpid(pid, NULL, WNOHANG | __WALL) == 0) {
        uint64_t now = clock_now();
        if (now >= deadline) {
            kill(pid, SIGKILL);
            break;
        }
        signals_take(&server->signals, &info, deadline - now);
    }
    scribe_process_close(&server->scribe);
}

void server_close(struct server *server)
{
    listeners_close(&server->listeners, server->notifier.manager);
    reload_abandon(server);
    metrics_abandon(server);
    control_close(&server->control);
    fork_servers_close(&server->fork_servers);
    dismiss_scribe(server);
    datagram_workers_close(&server->datagrams);
    sessions_close(&server->sessions);
    fd_close(&server->doorbell);
    access_close(&server->admission.policy);
    fd_close(&server->signals.fd);
}
