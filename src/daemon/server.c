#include "daemon/server.h"

#include "base/clock.h"
#include "daemon/admission/accept.h"
#include "daemon/admission/admit.h"
#include "daemon/audit.h"
#include "daemon/ends.h"
#include "daemon/admission/proxied_clients.h"
#include "daemon/drain.h"
#include "daemon/listen/listener_pause.h"
#include "daemon/status.h"
#include "daemon/process/poll_set.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

/* How long a poll(2) that cannot work is replaced by waiting for signals. */
#define SIGNAL_TIME (250 * USEC_PER_MSEC)
/* How often what was dropped is told. */
#define TELL_TIME USEC_PER_SEC

/* What is waited for. */
enum event_source {
    SOURCE_SIGNALS,
    SOURCE_FORK_SERVER,
    SOURCE_DOORBELL,
    SOURCE_DRY_RUN,
    SOURCE_CONTROL,
    SOURCE_CONTROL_PEER,
    SOURCE_LISTENER,
};

/* ---- signals ---- */

static void log_hangup(struct server *server, const siginfo_t *info)
{
    bool by_kernel = info->si_code == SI_KERNEL;
    const struct audit asked = {
        .request = "reload",
        .way = "by SIGHUP",
        .by = {.uid = by_kernel ? AUDIT_KERNEL : info->si_uid, .pid = info->si_pid}};

    audit_log(&server->log, &asked);
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
        ends_take_children(server);
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

/* ---- as time passes ---- */

/* A start that fails is told once, until one succeeds. */
static void run_fork_servers(struct server *server, uint64_t now)
{
    ends_settle(server);
    int r = fork_servers_run(&server->fork_servers, now);

    if (r < 0 && !server->start_failed)
        log_error(&server->log, "no fork server can be started, clients wait: %s", strerror(-r));
    server->start_failed = r < 0 || (server->start_failed && !server->fork_servers.current);
}

static void run_notifier(struct server *server, uint64_t now)
{
    const struct service_status status = status_of(server);

    if (notify_run(&server->notifier, &status, now))
        listeners_store(&server->listeners);
}

/* Whatever has to be done because time has passed. */
static void run_timers(struct server *server)
{
    uint64_t now = clock_now();

    if (server->log.dropped > 0 && now >= server->tell_at) {
        server->tell_at = now + TELL_TIME;
        log_report_dropped(&server->log);
    }
    scribe_process_run(&server->scribe, now);
    run_fork_servers(server, now);
    admission_reconsider(&server->admission, now);
    accept_retry(&server->admission, &server->listeners);
    reload_check(server, now);
    control_check(&server->control, now);
    drain_check(server, now);
    datagram_workers_run(&server->datagrams, now);
    slots_run(&server->sessions.slots, now);
    log_limit_flush(&server->log_limit, &server->log, now);
    metrics_turn(server, now);
    run_notifier(server, now);
}

/* When run_timers() has something to do next, or a listener that pauses; UINT64_MAX: never. */
static uint64_t next_deadline(const struct server *server)
{
    const struct service_status status = status_of(server);
    uint64_t now = clock_now();
    const uint64_t deadlines[] = {
        notify_next(&server->notifier, &status),
        admission_next(&server->admission, now),
        log_limit_next(&server->log_limit),
        control_next(&server->control),
        metrics_next(server),
        datagram_workers_next(&server->datagrams),
        scribe_process_next(&server->scribe),
        fork_servers_next(&server->fork_servers),
        slots_next(&server->sessions.slots),
        admission_is_open(&server->admission, now) ? listener_pause_next(&server->listeners)
                                                   : UINT64_MAX,
        server->log.dropped > 0 ? server->tell_at : UINT64_MAX,
        server->sample_at ? server->sample_at : UINT64_MAX,
        server->phase_deadline ? server->phase_deadline : UINT64_MAX,
        server->reload.pid > 0 ? server->reload.deadline : UINT64_MAX,
    };
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++)
        next = clock_earlier(next, deadlines[i]);
    return next;
}

/* ---- the loop ---- */

/* One whose channel is full is waited for, too, until it has room. */
static void poll_fork_servers(const struct fork_servers *fs, struct poll_set *set)
{
    for (size_t i = 0; i < fs->count; i++) {
        bool full = fs->full && fs->item[i].number == fs->current;
        if (fs->item[i].pid > 0 && !fs->item[i].deaf_until)
            poll_set_add(set, fs->item[i].channel, full ? POLLIN | POLLOUT : POLLIN,
                         SOURCE_FORK_SERVER, i);
    }
}

static void poll_listeners(const struct listeners *listeners, struct poll_set *set)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *l = &listeners->item[i];
        if (protocol_type(l->settings->protocol) != SOCK_DGRAM && !l->paused_until)
            poll_set_add(set, l->fd, POLLIN, SOURCE_LISTENER, i);
    }
}

static void build_poll_set(const struct server *server, struct poll_set *set)
{
    uint64_t now = clock_now();

    poll_set_clear(set);
    poll_set_add(set, server->signals.fd, POLLIN, SOURCE_SIGNALS, 0);
    poll_set_add(set, server->reload.output, POLLIN, SOURCE_DRY_RUN, 0);
    poll_set_add(set, server->doorbell, POLLIN, SOURCE_DOORBELL, 0);
    poll_fork_servers(&server->fork_servers, set);
    control_poll(&server->control, set, now, SOURCE_CONTROL, SOURCE_CONTROL_PEER);
    if (admission_is_open(&server->admission, now))
        poll_listeners(&server->listeners, set);
}

static void dispatch(struct server *server, const struct ready *ready)
{
    switch ((enum event_source)ready->tag) {
    case SOURCE_SIGNALS:
        handle_signals(server);
        break;
    case SOURCE_FORK_SERVER:
        if (ready->events & POLLOUT)
            server->fork_servers.full = false;
        ends_take_reports(server);
        break;
    case SOURCE_DOORBELL:
        proxied_clients_answer(&server->admission, server->doorbell);
        break;
    case SOURCE_DRY_RUN:
        reload_listen(server);
        break;
    case SOURCE_CONTROL:
        control_welcome(server);
        break;
    case SOURCE_CONTROL_PEER:
        control_attend(server, ready->index);
        break;
    case SOURCE_LISTENER:
        if (server->phase == PHASE_SERVING) /* a signal of this very turn may have ended that */
            accept_from(&server->admission, &server->listeners.item[ready->index]);
        break;
    }
}

/* Waits for what is wanted now, and handles what came. */
static void poll_once(struct server *server, struct poll_set *set)
{
    struct ready ready;
    siginfo_t info;

    build_poll_set(server, set);
    int r = poll_set_wait(set, next_deadline(server));
    while (poll_set_take(set, &ready))
        dispatch(server, &ready);
    /* No memory, or a limit was lowered below what is open: signals are heard all the same. */
    if (r < 0 && r != -EINTR && signals_take(&server->signals, &info, SIGNAL_TIME))
        handle_signal(server, &info);
    run_timers(server);
}

void server_run(struct server *server)
{
    struct poll_set set;

    poll_set_open(&set, server->listeners.count + CONTROL_PEERS + FORK_SERVERS_MAX + 4);
    while (!drain_done(server))
        poll_once(server, &set);
    poll_set_close(&set);
    const struct service_status status = status_of(server);
    notify_stopped(&server->notifier, &status);
}
