#include "daemon/server.h"

#include "base/clock.h"
#include "daemon/admission.h"
#include "daemon/asked.h"
#include "daemon/clients.h"
#include "daemon/conveyed.h"
#include "daemon/drain.h"
#include "daemon/listener_pause.h"
#include "daemon/reap.h"
#include "daemon/watch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

/* How long a poll(2) that cannot work is replaced by waiting for signals. */
#define MUTE_TIME (250 * USEC_PER_MSEC)
/* How often what was dropped is told. */
#define TELL_TIME USEC_PER_SEC

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
        log_error(&server->log, "no fork server can be started, clients wait: %s", strerror(-r));
    server->start_failed = r < 0 || (server->start_failed && !server->fork_servers.current);
}

/* Whatever has to be done because time has passed. */
static void keep_house(struct server *server)
{
    uint64_t now = clock_now();

    if (server->log.dropped > 0 && now >= server->tell_at) {
        server->tell_at = now + TELL_TIME;
        log_report_dropped(&server->log);
    }
    scribe_process_run(&server->scribe, now);
    run_fork_servers(server, now);
    admission_reconsider(server, now);
    admission_retry(server);
    reload_check(server, now);
    control_check(&server->control, now);
    drain_check(server, now);
    datagrams_check(server, now);
    log_limit_flush(&server->flood, &server->log, now);
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
    next = sooner(next, log_limit_next(&server->flood));
    next = sooner(next, control_next(&server->control));
    next = sooner(next, metrics_next(server));
    next = sooner(next, datagrams_next(&server->datagrams));
    next = sooner(next, scribe_process_next(&server->scribe));
    next = sooner(next, fork_servers_next(&server->fork_servers));
    if (admission_open(server, now))
        next = sooner(next, listener_pause_next(&server->listeners));
    if (server->log.dropped > 0)
        next = sooner(next, server->tell_at);
    if (server->sample_at)
        next = sooner(next, server->sample_at);
    if (server->phase_deadline)
        next = sooner(next, server->phase_deadline);
    if (server->reload.pid > 0)
        next = sooner(next, server->reload.deadline);
    if (server->muted_until > now)
        next = sooner(next, server->muted_until);
    if (next == UINT64_MAX)
        return -1;
    return clock_timeout(next);
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
    for (size_t i = 0; i < server->listeners.count; i++) {
        const struct listener *l = &server->listeners.item[i];
        if (protocol_type(l->settings->protocol) != SOCK_DGRAM && !l->paused_until)
            watch_add(watch, l->fd, POLLIN, WATCHED_LISTENER, i);
    }
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
