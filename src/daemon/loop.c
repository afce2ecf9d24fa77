#include "daemon/loop.h"

#include "base/clock.h"
#include "daemon/admission/accept.h"
#include "daemon/admission/admit.h"
#include "daemon/admission/proxied_clients.h"
#include "daemon/ends.h"
#include "daemon/listen/listener_pause.h"
#include "daemon/process/poll_set.h"
#include "daemon/requests.h"
#include "daemon/status.h"
#include "daemon/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* How long to wait for signals instead, after a poll(2) that failed. */
#define SIGNAL_TIME (250 * USEC_PER_MSEC)

/* What the loop waits for. */
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

static void handle_signal(struct daemon *d, const siginfo_t *info)
{
    switch (info->si_signo) {
    case SIGTERM:
    case SIGINT:
        stop_advance(d);
        break;
    case SIGHUP:
        requests_hangup(d, info);
        break;
    case SIGCHLD:
        ends_take_children(d);
        break;
    default:
        break;
    }
}

static void handle_signals(struct daemon *d)
{
    siginfo_t info;

    while (signals_take(&d->signals, &info, 0) > 0)
        handle_signal(d, &info);
}

/* ---- timers ---- */

/* Failed starts are logged once, until one succeeds. */
static void run_fork_servers(struct daemon *d, uint64_t now)
{
    ends_recover(d);
    int r = fork_servers_run(&d->fork_servers, now);

    if (r < 0 && !d->start_failed)
        log_error(&d->log, "cannot start a fork server, clients have to wait: %s", strerror(-r));
    d->start_failed = r < 0 || (d->start_failed && !d->fork_servers.current);
}

/* Formats the text in the daemon, because its children do not have the workers' slots. */
static void run_metrics(struct daemon *d, uint64_t now)
{
    const struct report_source source = status_report_source(d);
    char *text = NULL;
    size_t size;

    if (!metrics_file_run(&d->metrics, now))
        return;
    FILE *to = open_memstream(&text, &size);
    if (to)
        report_metrics(&source, to);
    bool whole = to && fclose(to) == 0;
    metrics_file_write(&d->metrics, whole ? text : NULL, now);
    free(text);
}

static void run_notifier(struct daemon *d, uint64_t now)
{
    const struct service_status status = status_of(d);

    if (notify_run(&d->notifier, &status, now))
        listeners_store(&d->listeners);
}

static void run_timers(struct daemon *d)
{
    uint64_t now = clock_now();

    log_run(&d->log, now);
    scribe_process_run(&d->scribe, now);
    run_fork_servers(d, now);
    admission_reconsider(&d->admission, now);
    accept_retry(&d->admission, &d->listeners);
    reload_run(&d->reload, now);
    control_run(&d->control, now);
    stop_run(d, now);
    datagram_workers_run(&d->datagrams, now);
    slots_run(&d->sessions.slots, now);
    log_limit_flush(&d->log_limit, &d->log, now);
    run_metrics(d, now);
    run_notifier(d, now);
}

/* Returns when run_timers() has something to do or the pause of a listener ends; UINT64_MAX if
 * never.
 */
static uint64_t next_deadline(const struct daemon *d)
{
    const struct service_status status = status_of(d);
    uint64_t now = clock_now();
    const uint64_t deadlines[] = {
        notify_next(&d->notifier, &status),
        admission_next(&d->admission, now),
        log_limit_next(&d->log_limit),
        control_next(&d->control),
        metrics_file_next(&d->metrics),
        datagram_workers_next(&d->datagrams),
        scribe_process_next(&d->scribe),
        fork_servers_next(&d->fork_servers),
        slots_next(&d->sessions.slots),
        admission_is_open(&d->admission, now) ? listener_pause_next(&d->listeners) : UINT64_MAX,
        log_next(&d->log),
        stop_next(d),
        reload_next(&d->reload),
    };
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++)
        next = clock_earlier(next, deadlines[i]);
    return next;
}

/* ---- the loop ---- */

/* If the channel of the current fork server is full, also polls for room in it. */
static void poll_fork_servers(const struct fork_servers *fs, struct poll_set *set)
{
    for (size_t i = 0; i < fs->count; i++) {
        bool full = fs->full && fs->item[i].number == fs->current;
        if (fs->item[i].pid > 0 && !fs->item[i].receive_at)
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

static void build_poll_set(const struct daemon *d, struct poll_set *set)
{
    uint64_t now = clock_now();

    poll_set_clear(set);
    poll_set_add(set, d->signals.fd, POLLIN, SOURCE_SIGNALS, 0);
    poll_set_add(set, d->reload.output, POLLIN, SOURCE_DRY_RUN, 0);
    poll_set_add(set, d->doorbell, POLLIN, SOURCE_DOORBELL, 0);
    poll_fork_servers(&d->fork_servers, set);
    control_poll(&d->control, set, now, SOURCE_CONTROL, SOURCE_CONTROL_PEER);
    if (admission_is_open(&d->admission, now))
        poll_listeners(&d->listeners, set);
}

static void dispatch(struct daemon *d, const struct ready *ready)
{
    switch ((enum event_source)ready->tag) {
    case SOURCE_SIGNALS:
        handle_signals(d);
        break;
    case SOURCE_FORK_SERVER:
        if (ready->events & POLLOUT)
            d->fork_servers.full = false;
        ends_take_reports(d);
        break;
    case SOURCE_DOORBELL:
        proxied_clients_answer(&d->admission, d->doorbell);
        break;
    case SOURCE_DRY_RUN:
        reload_read(&d->reload);
        break;
    case SOURCE_CONTROL:
        control_accept(&d->control);
        break;
    case SOURCE_CONTROL_PEER:
        requests_ready(d, ready->index);
        break;
    case SOURCE_LISTENER:
        if (d->phase == PHASE_SERVING) /* unless a signal in this iteration has changed the phase */
            accept_from(&d->admission, &d->listeners.item[ready->index]);
        break;
    }
}

static void poll_once(struct daemon *d, struct poll_set *set)
{
    struct ready ready;
    siginfo_t info;

    build_poll_set(d, set);
    int r = poll_set_wait(set, next_deadline(d));
    while (poll_set_take(set, &ready))
        dispatch(d, &ready);
    /* Out of memory, or a limit was lowered below the number of open descriptors. Signals are still
     * handled. */
    if (r < 0 && r != -EINTR && signals_take(&d->signals, &info, SIGNAL_TIME))
        handle_signal(d, &info);
    run_timers(d);
}

void loop_run(struct daemon *d)
{
    struct poll_set set;

    poll_set_open(&set, d->listeners.count + CONTROL_PEERS + FORK_SERVERS_MAX + 4);
    while (!stop_done(d))
        poll_once(d, &set);
    poll_set_close(&set);
    const struct service_status status = status_of(d);
    notify_stopped(&d->notifier, &status);
}
