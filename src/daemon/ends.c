#include "daemon/ends.h"

#include "base/clock.h"
#include "daemon/admission/access.h"
#include "daemon/admission/admit.h"
#include "daemon/process/children.h"
#include "daemon/supervise/crash.h"
#include "daemon/supervise/protections.h"
#include "daemon/supervise/worker_signals.h"
#include "daemon/takeover.h"

#include <poll.h>
#include <sys/wait.h>

/* ---- sessions ---- */

static void remove_client(struct daemon *d, struct client *client)
{
    jobs_done(&d->jobs, client->server, client->store, client->pid > 0);
    sessions_remove(&d->sessions, client);
}

/* Returns the microseconds between SINCE and the time WAITED microseconds ago. */
static uint64_t elapsed(uint64_t since, uint64_t waited)
{
    uint64_t now = clock_now();

    return now - since > waited ? now - since - waited : 0;
}

/* The worker of CLIENT ended with STATUS, WAITED microseconds ago. */
static void end_session(struct daemon *d, struct client *client, int status, uint64_t waited)
{
    struct session_end end = {.status = status,
                              .end_requested = d->phase == PHASE_KILLING || client->end_requested,
                              .lost = fork_servers_has_ended(&d->fork_servers, client->server),
                              .usec = elapsed(client->since, waited)};

    if (session_crashed(&end)) {
        crash_follow(&d->fork_servers, &d->log, client->server, status);
        if (session_is_fault(status))
            access_penalize(&d->admission.policy, &client->peer, clock_now());
    }
    sessions_end(&d->sessions, client, &end);
    remove_client(d, client);
}

/* No worker could be forked. The fork server has already sent the client the reason. */
static void cancel_session(struct daemon *d, struct client *client, int error)
{
    sessions_cancel(&d->sessions, client);
    remove_client(d, client);
    admission_pause(&d->admission, "cannot fork a worker", error);
}

/* ---- children ---- */

/* Returns whether PID was the scribe. The loop starts the next one after a pause. */
static bool take_scribe(struct daemon *d, pid_t pid, int status)
{
    char clause[CHILD_END_MAX];
    enum scribe_exit exit = scribe_process_exited(&d->scribe, pid, status);

    if (exit == SCRIBE_EXIT_UNEXPECTED)
        log_error(&d->log, "the scribe %s; starting another one", child_end_format(status, clause));
    return exit != SCRIBE_EXIT_OTHER;
}

/* A fork server that is no longer needed exits by itself, which is not logged. */
static void log_fork_server_end(struct daemon *d, const struct fork_server *fork_server, int status)
{
    char clause[CHILD_END_MAX];

    if (fork_server->channel < 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    log_error(&d->log, "the fork server %s; starting another one%s",
              child_end_format(status, clause),
              fork_server->ready ? "" : " (it never became ready: is echod-forkserver installed?)");
}

/* PID may be a worker whose fork server was killed, which makes it a child of this process. */
static void take_orphan(struct daemon *d, pid_t pid, int status)
{
    struct client *client = roster_find(&d->sessions.roster, pid);
    struct datagram_worker *worker = datagram_workers_find_process(&d->datagrams, pid);

    if (client)
        end_session(d, client, status, 0);
    else if (worker)
        datagram_workers_ended(&d->datagrams, worker, status);
}

static void take_child(struct daemon *d, pid_t pid, int status)
{
    const struct fork_server *fork_server = fork_servers_exited(&d->fork_servers, pid, clock_now());

    if (fork_server)
        log_fork_server_end(d, fork_server, status);
    else if (!take_scribe(d, pid, status) && !metrics_file_ended(&d->metrics, pid, status) &&
             !takeover_dry_run_ended(d, pid, status))
        take_orphan(d, pid, status);
}

void ends_take_children(struct daemon *d)
{
    pid_t pid;
    int status;

    while ((pid = children_take(&status)) > 0) {
        ends_take_reports(d); /* the reports that a fork server sent before it ended */
        take_child(d, pid, status);
    }
}

/* ---- reports ---- */

/* The client or datagram socket of a job; both are NULL if it has ended. */
struct job_owner {
    struct client *client;
    struct datagram_worker *worker;
};

static struct job_owner owner_of(const struct daemon *d, uint64_t job)
{
    if (job_is_datagram(job))
        return (struct job_owner){.worker = datagram_workers_find(&d->datagrams, job)};
    return (struct job_owner){.client = roster_at(&d->sessions.roster, job_index(job), job)};
}

static void take_start(struct daemon *d, const struct report *report, const struct job_owner *owner)
{
    struct fork_servers *fs = &d->fork_servers;
    struct client *client = owner->client;
    struct datagram_worker *worker = owner->worker;

    if (client && client->pid == 0) {
        roster_started(&d->sessions.roster, client, report->pid);
        fork_servers_started(fs, client->server);
        admission_started(&d->admission, report->job);
        worker_signal(fs, &client->signal, client->pid, client->server);
    }
    if (worker && worker->pid == 0) {
        worker->pid = report->pid;
        fork_servers_started(fs, worker->server);
        worker_signal(fs, &worker->signal, worker->pid, worker->server);
    }
}

static void take_end(struct daemon *d, const struct report *report, const struct job_owner *owner)
{
    if (owner->client)
        end_session(d, owner->client, report->status, report->waited);
    if (owner->worker)
        datagram_workers_ended(&d->datagrams, owner->worker, report->status);
}

static void take_failure(struct daemon *d, const struct report *report,
                         const struct job_owner *owner)
{
    if (owner->client)
        cancel_session(d, owner->client, report->status);
    if (owner->worker)
        datagram_workers_failed(&d->datagrams, owner->worker, report->status);
}

static void take_hold(struct daemon *d, struct fork_server *fork_server)
{
    worker_signal_held_clients(&d->sessions.roster, fork_server->number);
    datagram_workers_signal_held(&d->datagrams, fork_server->number);
    fork_server_release(fork_server);
}

static void take_report(struct daemon *d, struct fork_server *fork_server,
                        const struct report *report)
{
    const struct job_owner owner = owner_of(d, report->job);

    switch (report->kind) {
    case REPORT_STARTED:
        take_start(d, report, &owner);
        break;
    case REPORT_ENDED:
        take_end(d, report, &owner);
        break;
    case REPORT_FAILED:
        take_failure(d, report, &owner);
        break;
    case REPORT_HELD:
        take_hold(d, fork_server);
        break;
    default: /* from a later version */
        break;
    }
}

/* Returns whether there was a report. */
static bool take_reports_of(struct daemon *d, struct fork_server *fork_server)
{
    struct report list[REPORTS_MAX];
    bool ready = fork_server->ready, known = d->fork_servers.known;
    ssize_t count = fork_servers_receive(&d->fork_servers, fork_server, list);

    if (!known && d->fork_servers.known) /* only with --inetd, which makes no self test */
        protections_log(&d->fork_servers, &d->log);

    for (ssize_t i = 0; i < count; i++)
        take_report(d, fork_server, &list[i]);
    return count > 0 || ready != fork_server->ready;
}

void ends_take_reports(struct daemon *d)
{
    for (size_t i = 0; i < d->fork_servers.count; i++)
        while (take_reports_of(d, &d->fork_servers.item[i]))
            continue;
}

void ends_await_datagram_workers(struct daemon *d, uint64_t deadline)
{
    const struct fork_servers *fs = &d->fork_servers;
    struct pollfd polled[FORK_SERVERS_MAX];

    while (datagram_workers_live(&d->datagrams) > 0 && clock_now() < deadline) {
        for (size_t i = 0; i < fs->count; i++)
            polled[i] = (struct pollfd){.fd = fs->item[i].channel, .events = POLLIN};
        poll(polled, fs->count, clock_timeout(deadline));
        ends_take_reports(d);
    }
}

/* ---- fork servers that have ended ---- */

/* The fork server of CLIENT has ended after it had read the job. The worker is now a child of the
 * daemon, or has ended without a report. */
static void recover_client(struct daemon *d, struct client *client)
{
    const struct slot *slot = sessions_slot(&d->sessions, client);

    /* The kernel has stored the process ID in the slot during the fork. */
    if (client->pid == 0 && children_have(slot->pid)) {
        roster_started(&d->sessions.roster, client, slot->pid);
        fork_servers_started(&d->fork_servers, client->server);
    }
    if (children_have(client->pid))
        worker_signal(&d->fork_servers, &client->signal, client->pid, client->server);
    else
        end_session(d, client, SESSION_STATUS_UNKNOWN, 0);
}

static void recover_datagram_worker(struct daemon *d, struct datagram_worker *worker)
{
    const struct slot *slot = slots_at(&d->datagrams.slots, worker->slot);

    if (worker->pid == 0 && children_have(slot->pid)) {
        worker->pid = slot->pid;
        fork_servers_started(&d->fork_servers, worker->server);
    }
    if (children_have(worker->pid))
        worker_signal(&d->fork_servers, &worker->signal, worker->pid, worker->server);
    else
        datagram_workers_ended(&d->datagrams, worker, SESSION_STATUS_UNKNOWN);
}

static void recover_all(struct daemon *d, uint32_t number)
{
    struct roster *roster = &d->sessions.roster;
    struct datagram_workers *datagrams = &d->datagrams;

    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job && roster->clients[i].server == number)
            recover_client(d, &roster->clients[i]);
    for (size_t i = 0; i < datagrams->count; i++)
        if (datagrams->item[i].job && datagrams->item[i].server == number)
            recover_datagram_worker(d, &datagrams->item[i]);
}

/* JOB has moved from the fork server FROM, which has ended, to the current one. */
static void move_job(struct daemon *d, uint64_t job, uint32_t from)
{
    const struct job_owner owner = owner_of(d, job);

    fork_servers_done(&d->fork_servers, from, false);
    if (owner.client)
        owner.client->server = d->fork_servers.current;
    if (owner.worker)
        owner.worker->server = d->fork_servers.current;
}

static void recover(struct daemon *d, struct fork_server *fork_server)
{
    bool was_drained = fork_server->drained;
    uint64_t job;

    if (fork_server->pid > 0)
        return;
    while ((job = fork_servers_move(&d->fork_servers, fork_server)) != 0)
        move_job(d, job, fork_server->number);
    if (fork_server->drained && !was_drained)
        recover_all(d, fork_server->number);
}

void ends_recover(struct daemon *d)
{
    for (size_t i = 0; i < d->fork_servers.count; i++)
        recover(d, &d->fork_servers.item[i]);
}
