#include "daemon/takeover.h"

#include "base/fd.h"
#include "base/text.h"
#include "daemon/process/system_limits.h"
#include "daemon/state.h"
#include "daemon/status.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* How many descriptors the next program opens before it serves. */
#define FIRST_DESCRIPTORS 8

static bool is_serving(const struct daemon *d)
{
    return d->phase == PHASE_SERVING;
}

/* A reload was rejected, which the status shows. */
static void note_rejection(struct daemon *d)
{
    d->rejected = is_serving(d);
    d->counters.rejected++;
    const struct service_status status = status_of(d);
    notify_ready(&d->notifier, &status);
}

static void reject(struct daemon *d, int error)
{
    reload_reject_error(&d->reload, error);
    note_rejection(d);
}

static void begin(struct daemon *d)
{
    struct handover handover;
    int r = reload_prepare(&d->reload);

    if (r == 0)
        r = state_save(d, &handover, false);
    if (r == 0) {
        r = reload_begin(&d->reload, &handover);
        handover_close(&handover);
    }
    if (r < 0)
        reject(d, r);
}

void takeover_request(struct daemon *d, int waiter)
{
    if (!reload_request(&d->reload, waiter, is_serving(d)))
        return;
    notify_reloading(&d->notifier);
    begin(d);
}

/* Executes the installed program in place of this one. Returns -errno, and only if that fails. */
static int execute(struct daemon *d, const struct handover *handover)
{
    char *argv[] = {(char *)d->program,
                    (char *)"--config",
                    (char *)d->config,
                    (char *)"--daemon",
                    (char *)"--pid-file",
                    (char *)d->pid_path,
                    NULL};

    if (!d->pid_path)
        argv[3] = NULL;
    /* execv(2) would close them as well, but could block (passed_fds.h). */
    control_close_peers(&d->control);
    handover_pass(handover, true);
    reload_set_variable(HANDOVER_VARIABLE, handover->fd);
    execv(d->program, argv);
    int error = errno;
    unsetenv(HANDOVER_VARIABLE);
    handover_pass(handover, false);
    return -error;
}

/* Returns only if the new program does not take over. */
static void take_over(struct daemon *d)
{
    struct handover handover;

    reload_log_warnings(&d->reload);
    log_limit_flush(&d->log_limit, &d->log, UINT64_MAX - 1);
    datagram_workers_summarise(&d->datagrams);
    metrics_file_abandon(&d->metrics);   /* the next program would not know the child */
    slots_give_back(&d->sessions.slots); /* the next program does not know the cleared slots */
    fork_servers_put_back(&d->fork_servers);
    int r = state_save(d, &handover, true);
    if (r == 0) {
        r = system_limits_try_descriptors(FIRST_DESCRIPTORS);
        if (r == 0)
            r = execute(d, &handover);
        handover_close(&handover);
    }
    reject(d, r);
}

bool takeover_dry_run_ended(struct daemon *d, pid_t pid, int status)
{
    enum reload_outcome outcome;

    if (!reload_ended(&d->reload, pid, status, is_serving(d), &outcome))
        return false;
    switch (outcome) {
    case RELOAD_REJECTED:
        note_rejection(d);
        break;
    case RELOAD_STALE:
        begin(d);
        break;
    case RELOAD_APPROVED:
        take_over(d);
        break;
    }
    if (d->reload.pid < 0 && is_serving(d) && reload_take_again(&d->reload))
        takeover_request(d, -1);
    return true;
}

void takeover_announce(struct daemon *d, int status)
{
    if (status == 0) {
        log_event(&d->log, EVENT_RELOADED, LOG_NOTICE,
                  "reloaded: %zu listener%s, %zu client%s kept", d->listeners.count,
                  plural(d->listeners.count), d->sessions.roster.live,
                  plural(d->sessions.roster.live));
        reload_answer(&d->reload, "ok", "");
    } else {
        log_event(&d->log, EVENT_RELOADED, LOG_ERR,
                  "reloaded, but some listeners could not be opened");
        reload_answer(&d->reload, "error", "some listeners could not be opened: see the log\n");
    }
}
