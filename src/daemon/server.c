#include "daemon/server.h"

#include "base/lean.h"
#include "base/span.h"
#include "daemon/access.h"
#include "daemon/admission.h"
#include "daemon/asked.h"
#include "daemon/birth.h"
#include "daemon/conveyed.h"
#include "daemon/drain.h"
#include "daemon/handover.h"
#include "daemon/reap.h"
#include "daemon/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* How long a poll(2) that cannot work is replaced by waiting for signals. */
#define MUTE_TIME (250 * USEC_PER_MSEC)
/* How often ended children are looked for whose signals were lost. */
#define SWEEP_TIME USEC_PER_SEC
/* The same while there are none but the scribe. */
#define IDLE_SWEEP_TIME (10 * USEC_PER_SEC)
/* The pause between two scribes, lest one that cannot live is forked all the time. */
#define SCRIBE_PAUSE USEC_PER_SEC
/* How long the last scribe has at the end to write what is queued. */
#define LAST_WORDS_TIME (2 * USEC_PER_SEC)

/* ---- setting up ---- */

static int failed(struct server *server, const char *what, int error)
{
    log_error(&server->log, "%s: %s", what, strerror(-error));
    return EXIT_OSERR;
}

static int open_afresh(struct server *server, const struct server_plan *plan)
{
    const struct server_settings *limits = plan->settings->server;
    int r = roster_open(&server->roster, limits->max_clients, &limits->source_prefix);

    if (r < 0)
        return failed(server, "no memory for the roster of clients", r);
    r = slots_open(&server->slots, limits->max_clients);
    if (r < 0)
        return failed(server, "no shared memory for the workers", r);
    r = scribe_open(&server->scribe, plan->sink);
    if (r == 0)
        r = birth_of_scribe(server);
    return r < 0 ? failed(server, "the scribe cannot be started", r) : 0;
}

static int open_from_handover(struct server *server, const struct server_plan *plan,
                              struct passed *passed)
{
    server->log.channel = handover_records(plan->handover);
    int r = handover_read(plan->handover, server, passed);

    if (r < 0)
        return failed(server, "what the echod before left cannot be understood", r);
    lean_children(true);
    return 0;
}

int server_open(struct server *server, const struct server_plan *plan, struct passed *passed)
{
    *server = (struct server){
        .settings = plan->settings,
        .title = plan->title,
        .program = plan->program,
        .config = plan->config,
        .pid_path = plan->pid_path,
        .scribe = SCRIBE_CLOSED,
        .reload = RELOAD_NONE,
        .slots = {.memory = -1},
        .datagrams = DATAGRAMS_NONE,
        .signals = {.fd = -1},
        .pid_file = -1,
        .log = {.level = (int)plan->settings->server->log_level, .channel = -1},
    };
    control_init(&server->control);
    server->started = clock_now();
    notify_open(&server->notifier);
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
    scribe_close(&server->scribe);
    while (pid > 0 && waitpid(pid, NULL, WNOHANG | __WALL) == 0) {
        uint64_t now = clock_now();
        if (now >= deadline) {
            kill(pid, SIGKILL);
            break;
        }
        signals_take(&server->signals, &info, deadline - now);
    }
}

void server_close(struct server *server)
{
    listeners_close(&server->listeners, server->notifier.manager);
    reload_abandon(server);
    metrics_abandon(server);
    control_close(&server->control);
    dismiss_scribe(server);
    datagrams_close(&server->datagrams);
    slots_close(&server->slots);
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
    default: /* the numbers of real-time signals are no constants */
        if (info->si_signo == SLOT_SIGNAL)
            conveyed_answer(server, info->si_pid);
        else
            reap_one(server, info->si_pid);
    }
}

static void handle_signals(struct server *server)
{
    siginfo_t info;

    while (signals_take(&server->signals, &info, 0) > 0)
        handle_signal(server, &info);
}

static uint64_t next_sweep(const struct server *server)
{
    bool idle = server->roster.live == 0 && server->log.dropped == 0 && server->reload.pid <= 0 &&
                !server->metrics.writer && !drain_waits(server);

    return server->last_sweep + (idle ? IDLE_SWEEP_TIME : SWEEP_TIME);
}

/* Whatever has to be done because time has passed. */
static void keep_house(struct server *server)
{
    uint64_t now = clock_now();

    if (now >= next_sweep(server)) {
        server->last_sweep = now;
        reap_all(server);
        log_confess(&server->log);
    }
    if (server->scribe.pid < 0 && now >= server->scribe_since + SCRIBE_PAUSE) {
        server->scribe_since = now;
        birth_of_scribe(server);
    }
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
    next = sooner(next, next_sweep(server));
    if (server->scribe.pid < 0)
        next = sooner(next, server->scribe_since + SCRIBE_PAUSE);
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

static void choose(const struct server *server, struct watch *watch)
{
    uint64_t now = clock_now();

    watch->count = 0;
    watch_add(watch, server->signals.fd, POLLIN, WATCHED_SIGNALS, 0);
    watch_add(watch, server->reload.output, POLLIN, WATCHED_RELOAD, 0);
    control_watch(&server->control, watch, now);
    if (!admission_open(server, now))
        return;
    for (size_t i = 0; i < server->listeners.count; i++)
        if (protocol_type(server->listeners.item[i].settings->protocol) != SOCK_DGRAM)
            watch_add(watch, server->listeners.item[i].fd, POLLIN, WATCHED_LISTENER, i);
}

static void handle(struct server *server, const struct watched_entry *entry)
{
    switch (entry->what) {
    case WATCHED_SIGNALS:
        handle_signals(server);
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
                handle(server, &watch->entries[i]);
    } else if (ready < 0 && errno != EINTR && signals_take(&server->signals, &info, MUTE_TIME)) {
        /* No memory, or a limit was lowered below what is open: signals are heard all the same. */
        handle_signal(server, &info);
    }
    keep_house(server);
}

void server_run(struct server *server)
{
    struct watch watch;

    watch_open(&watch, server->listeners.count + CONTROL_PEERS + 3);
    while (!drain_done(server))
        turn(server, &watch);
    watch_close(&watch);
    notify_stopped(server);
}
