#include "daemon/server.h"

#include "base/span.h"
#include "daemon/access.h"
#include "daemon/admission.h"
#include "daemon/asked.h"
#include "daemon/clients.h"
#include "daemon/conveyed.h"
#include "daemon/drain.h"
#include "daemon/handover.h"
#include "daemon/reap.h"
#include "daemon/watch.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The user nobody, if there is no user echod. */
#define NOBODY 65534
/* How long a poll(2) that cannot work is replaced by waiting for signals. */
#define MUTE_TIME (250 * USEC_PER_MSEC)
/* How often what was dropped is told. */
#define TELL_TIME USEC_PER_SEC
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
                          .slots = server->slots.memory,
                          .doorbell = server->doorbell};

    choose_user(&setup);
    int r = fork_servers_open(&server->fork_servers, plan->program, &setup);
    return r < 0 ? failed(server, "echod-forkserver cannot be found", r) : 0;
}

static int open_afresh(struct server *server, const struct server_plan *plan)
{
    const struct server_settings *limits = plan->settings->server;
    int r = roster_open(&server->roster, limits->max_clients, &limits->source_prefix);

    if (r < 0)
        return failed(server, "no memory for the roster of clients", r);
    r = slots_open(&server->slots, limits->max_clients);
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
    const struct roster *roster = &server->roster;
    const struct datagrams *datagrams = &server->datagrams;

    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job)
            fork_servers_claim(&server->fork_servers, roster->clients[i].server,
                               roster->clients[i].pid > 0);
    for (size_t i = 0; i < datagrams->count; i++)
        fork_servers_claim(&server->fork_servers, datagrams->item[i].server,
                           datagrams->item[i].pid > 0);
}

/* What is installed now takes over from what ran before the reload. */
static void replace_outdated(struct server *server, const struct server_plan *plan)
{
    int r = 0;

    if (!server->fork_servers.current || fork_servers_outdated(&server->fork_servers))
        r = fork_servers_start(&server->fork_servers, clock_now());
    if (r < 0)
        failed(server, "no fork server can be started", r);
    if (server->scribe.pid > 0 && plan->replaced)
        scribe_process_retire(&server->scribe);
}

static int open_from_handover(struct server *server, const struct server_plan *plan,
                              struct passed *passed)
{
    server->log.channel = handover_records(plan->handover);
    int r = handover_read(plan->handover, server, passed);

    if (r < 0)
        return failed(server, "what the echod before left cannot be understood", r);
    claim_jobs(server);
    scribe_process_adopted(&server->scribe);
    r = open_fork_servers(server, plan);
    if (r == 0)
        replace_outdated(server, plan);
    return r;
}

/* Those whose fork server is killed become our children, and are waited for as such (prctl(2)). */
static void adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* There may be one for each client whose messages are stored; nothing here uses select(2), for
 * whose sake the soft limit is low. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int server_open(struct server *server, const struct server_plan *plan, struct passed *passed)
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
        .slots = {.memory = -1},
        .datagrams = DATAGRAMS_NONE,
        .signals = {.fd = -1},
        .pid_file = -1,
        .log = {.level = (int)plan->settings->server->log_level, .channel = -1},
    };
    server->jobs = (struct jobs){.servers = &server->fork_servers,
                                 .scribe = &server->scribe,
                                 .settings = plan->settings->server};
    control_init(&server->control);
    server->started = clock_now();
    notify_open(&server->notifier);
    adopt_orphans();
    raise_descriptor_limit();
    int r = signals_open(&server->signals);
    if (r < 0)
        return failed(server, "signals cannot be set up", r);
    int status =
        plan->handover < 0 ? open_afresh(server, plan) : open_from_handover(server, plan, passed);
    if (status == 0)
        server->log.channel = server->scribe.records_out;
    if (status == 0 && (r = access_open(server)) < 0)
        status = failed(server, "no memory for source_rate", r);
    server->log.total_dropped = &server->totals.dropped;
    return status;
}

struct session_log server_session_log(struct server *server)
{
    return (struct session_log){.log = &server->log,
                                .flood = &server->flood,
                                .normal = server->settings->server->log_sessions};
}

/* ---- closing ---- */

/* The scribe ends by itself once its queues are empty; one that hangs is not waited for. */
static void dismiss_scribe(struct server *server)
{
    uint64_t deadline = clock_now() + LAST_WORDS_TIME;
    pid_t pid = server->scribe.pid;
    siginfo_t info;

    flood_summarise(&server->flood, &server->log, UINT64_MAX - 1);
    datagrams_summarise(server);
    log_confess(&server->log);
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
    datagrams_close(&server->datagrams);
    slots_close(&server->slots);
    fd_close(&server->doorbell);
    roster_close(&server->roster);
    access_close(server);
    fd_close(&server->signals.fd);
}

/* ---- the loop ---- */

static void log_hangup(struct server *server, const siginfo_t *info)
{
    bool by_kernel = info->si_code == SI_KERNEL;
    const struct asked asked = {
        .request = "reload",
        .way = "by SIGHUP",
        .by = {.uid = by_kernel ? ASKED_BY_KERNEL : info->si_uid, .pid = info->si_pid}};

    asked_log(&server->log, &asked);
}

static void handle_signal(struct server *server, const siginfo_t *info)
{
    switch (info->si_signo) {
    case SIGTERM:
    case SIGINT:
        drain_advance(server);
        break;
    case SIGHUP:
        log_hangup(server, info);
        reload_begin(server, -1);
        break;
    case SIGCHLD:
        reap_all(server);
        break;
    default:
        break;
    }
}

static void handle_signals(struct server *server)
{
    siginfo_t info;

    while (signals_take(&server->signals, &info, 0) > 0)
        handle_signal(server, &info);
}

/* A start that fails is told once, until one succeeds. */
static void run_fork_servers(struct server *server, uint64_t now)
{
    clients_settle(server);
    int r = fork_servers_run(&server->fork_servers, now);

    if (r < 0 && !server->start_failed)
        failed(server, "no fork server can be started, clients wait", r);
    server->start_failed = r < 0 || (server->start_failed && !server->fork_servers.current);
}

/* Whatever has to be done because time has passed. */
static void keep_house(struct server *server)
{
    uint64_t now = clock_now();

    if (server->log.dropped > 0 && now >= server->tell_at) {
        server->tell_at = now + TELL_TIME;
        log_confess(&server->log);
    }
    scribe_process_run(&server->scribe, now);
    run_fork_servers(server, now);
    admission_reconsider(server, now);
    reload_check(server, now);
    control_check(&server->control, now);
    drain_check(server, now);
    datagrams_check(server, now);
    flood_summarise(&server->flood, &server->log, now);
    metrics_turn(server, now);
    notify_turn(server, now);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Milliseconds until keep_house() or a muted listener has something to do; -1: never. */
static int next_timeout(const struct server *server)
{
    uint64_t next = notify_next(server), now = clock_now();

    next = sooner(next, doorstep_next(&server->doorstep));
    next = sooner(next, flood_next(&server->flood));
    next = sooner(next, control_next(&server->control));
    next = sooner(next, metrics_next(server));
    next = sooner(next, datagrams_next(&server->datagrams));
    next = sooner(next, scribe_process_next(&server->scribe));
    next = sooner(next, fork_servers_next(&server->fork_servers));
    if (server->log.dropped > 0)
        next = sooner(next, server->tell_at);
    if (server->phase_deadline)
        next = sooner(next, server->phase_deadline);
    if (server->reload.pid > 0)
        next = sooner(next, server->reload.deadline);
    if (server->muted_until > now)
        next = sooner(next, server->muted_until);
    if (next == UINT64_MAX)
        return -1;
    return clock_until(next);
}

/* One whose channel is full is waited for, too, until it has room. */
static void watch_fork_servers(const struct fork_servers *fs, struct watch *watch)
{
    for (size_t i = 0; i < fs->count; i++) {
        bool full = fs->full && fs->item[i].number == fs->current;
        if (fs->item[i].pid > 0)
            watch_add(watch, fs->item[i].channel, full ? POLLIN | POLLOUT : POLLIN,
                      WATCHED_FORK_SERVER, i);
    }
}

static void choose(const struct server *server, struct watch *watch)
{
    uint64_t now = clock_now();

    watch->count = 0;
    watch_add(watch, server->signals.fd, POLLIN, WATCHED_SIGNALS, 0);
    watch_add(watch, server->reload.output, POLLIN, WATCHED_RELOAD, 0);
    watch_add(watch, server->doorbell, POLLIN, WATCHED_DOORBELL, 0);
    watch_fork_servers(&server->fork_servers, watch);
    control_watch(&server->control, watch, now);
    if (!admission_open(server, now))
        return;
    for (size_t i = 0; i < server->listeners.count; i++)
        if (protocol_type(server->listeners.item[i].settings->protocol) != SOCK_DGRAM)
            watch_add(watch, server->listeners.item[i].fd, POLLIN, WATCHED_LISTENER, i);
}

static void handle(struct server *server, const struct watched_entry *entry, short revents)
{
    switch (entry->what) {
    case WATCHED_SIGNALS:
        handle_signals(server);
        break;
    case WATCHED_FORK_SERVER:
        if (revents & POLLOUT)
            server->fork_servers.full = false;
        clients_take_reports(server);
        break;
    case WATCHED_DOORBELL:
        conveyed_answer(server);
        break;
    case WATCHED_RELOAD:
        reload_listen(server);
        break;
    case WATCHED_CONTROL:
        control_welcome(server);
        break;
    case WATCHED_PEER:
        control_attend(server, entry->index);
        break;
    case WATCHED_LISTENER:
        if (server->phase == PHASE_SERVING) /* a signal of this very turn may have ended that */
            admission_accept(server, &server->listeners.item[entry->index]);
        break;
    }
}

/* Waits for what is wanted now, and handles what came. */
static void turn(struct server *server, struct watch *watch)
{
    siginfo_t info;

    choose(server, watch);
    int ready = poll(watch->polled, watch->count, next_timeout(server));
    if (ready > 0) {
        for (size_t i = 0; i < watch->count; i++)
            if (watch->polled[i].revents)
                handle(server, &watch->entries[i], watch->polled[i].revents);
    } else if (ready < 0 && errno != EINTR && signals_take(&server->signals, &info, MUTE_TIME)) {
        /* No memory, or a limit was lowered below what is open: signals are heard all the same. */
        handle_signal(server, &info);
    }
    keep_house(server);
}

void server_run(struct server *server)
{
    struct watch watch;

    watch_open(&watch, server->listeners.count + CONTROL_PEERS + FORK_SERVERS_MAX + 4);
    while (!drain_done(server))
        turn(server, &watch);
    watch_close(&watch);
    notify_stopped(server);
}
