#include "daemon/clients.h"

#include "base/clock.h"
#include "daemon/access.h"
#include "daemon/admission.h"
#include "daemon/process/children.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static struct fork_server *server_of(struct server *server, uint32_t number)
{
    return fork_servers_find(&server->fork_servers, number);
}

/* Whether the fork server NUMBER has ended: its workers are our children then. */
static bool is_orphaned(struct server *server, uint32_t number)
{
    const struct fork_server *fork_server = server_of(server, number);

    return !fork_server || fork_server->pid == 0;
}

/* ---- signals ---- */

/* Sends what is still to be sent to the process PID, if that is known, of the fork server NUMBER.
 */
static void signal_process(struct server *server, int *number, pid_t pid, uint32_t fork_server)
{
    if (pid <= 0 || *number == 0)
        return;
    if (!is_orphaned(server, fork_server)) {
        fork_servers_hold(&server->fork_servers, fork_server);
        return;
    }
    kill(pid, *number);
    *number = 0;
}

void clients_signal(struct server *server, struct client *client, int number)
{
    client->signal = number;
    signal_process(server, &client->signal, client->pid, client->server);
}

void clients_signal_datagrams(struct server *server, struct datagram_worker *worker, int number)
{
    worker->signal = number;
    signal_process(server, &worker->signal, worker->pid, worker->server);
}

void clients_signal_again(struct server *server)
{
    struct roster *roster = &server->roster;

    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job)
            signal_process(server, &roster->clients[i].signal, roster->clients[i].pid,
                           roster->clients[i].server);
}

struct client *clients_find(struct server *server, pid_t pid)
{
    struct roster *roster = &server->roster;
    struct client *client = pid > 0 ? roster_find(roster, pid) : NULL;

    for (uint32_t i = 0; i < roster->used_clients && pid > 0 && !client; i++)
        if (roster->clients[i].job && roster->clients[i].pid == 0 &&
            slots_at(&server->slots, i)->pid == pid)
            client = &roster->clients[i];
    return client;
}

static void send_held(int *number, pid_t pid)
{
    if (*number && pid > 0)
        kill(pid, *number);
    if (pid > 0)
        *number = 0;
}

/* FORK_SERVER gives no process ID back until it is released: those that are known are right. */
static void signal_held(struct server *server, struct fork_server *fork_server)
{
    struct roster *roster = &server->roster;
    struct datagrams *datagrams = &server->datagrams;

    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job && roster->clients[i].server == fork_server->number)
            send_held(&roster->clients[i].signal, roster->clients[i].pid);
    for (size_t i = 0; i < datagrams->count; i++)
        if (datagrams->item[i].job && datagrams->item[i].server == fork_server->number)
            send_held(&datagrams->item[i].signal, datagrams->item[i].pid);
    fork_server_release(fork_server);
}

/* ---- ends ---- */

static void add_totals(struct totals *totals, const struct client *client, const struct slot *slot,
                       const struct session_end *end)
{
    totals->bytes_in += slot->bytes_in;
    totals->bytes_out += slot->bytes_out;
    totals->messages += slot->messages;
    if (client->standing != CLIENT_ADMITTED)
        return; /* it never was served */
    histograms_add_duration(&totals->sessions, end->usec);
    if (end->tcp.rtt)
        histograms_add_rtt(&totals->sessions, end->tcp.rtt);
}

static void strike_off(struct server *server, struct client *client)
{
    size_t index = (size_t)(client - server->roster.clients);

    fork_servers_done(&server->fork_servers, client->server, client->pid > 0);
    scribe_process_disconnect(&server->scribe, client->store);
    roster_remove(&server->roster, client);
    slots_free(&server->slots, index);
}

void clients_follow_crash(struct server *server, uint32_t number, int status)
{
    bool fault = session_is_fault(status);

    if (!WIFSIGNALED(status) && !fault)
        return;
    if (fork_servers_renew(&server->fork_servers, fault ? number : 0, clock_now()))
        log_error(&server->log, "too many workers of one fork server crashed, and each crash can "
                                "reveal something of the memory of the others: ending them");
}

/* Its source also waits for a while. */
static void follow_crash(struct server *server, const struct client *client, int status)
{
    uint64_t now = clock_now();

    server->totals.crashed++;
    server->totals.violations += WIFEXITED(status) && WEXITSTATUS(status) == END_SANDBOX;
    clients_follow_crash(server, client->server, status);
    if (session_is_fault(status))
        access_punish(server, &client->peer, now);
}

/* Microseconds from SINCE to WAITED microseconds ago. */
static uint64_t elapsed(uint64_t since, uint64_t waited)
{
    uint64_t now = clock_now();

    return now - since > waited ? now - since - waited : 0;
}

/* Of a worker that ended with STATUS, WAITED microseconds ago. */
static void end_session(struct server *server, struct client *client, int status, uint64_t waited)
{
    const struct slot *slot = slots_at(&server->slots, (size_t)(client - server->roster.clients));
    struct session_end end = {.status = status,
                              .asked = server->phase == PHASE_KILLING || client->asked,
                              .lost = is_orphaned(server, client->server),
                              .usec = elapsed(client->since, waited)};
    struct session_log to = server_session_log(server);

    tcp_stats_copy(&end.tcp, &slot->tcp);
    add_totals(&server->totals, client, slot, &end);
    if (session_crashed(&end))
        follow_crash(server, client, status);
    session_log_end(&to, client, slot, &end);
    strike_off(server, client);
}

/* No worker could be forked: the fork server has told the client so. */
static void cancel_session(struct server *server, struct client *client, int error)
{
    struct session_log to = server_session_log(server);

    if (client->standing == CLIENT_ADMITTED)
        server->totals.served--;
    server->totals.refused++;
    session_log_refusal(&to, &client->peer, NULL, client->listener, "no process for it");
    strike_off(server, client);
    admission_pause(server, "no worker could be forked", error);
}

bool clients_take_orphan(struct server *server, pid_t pid, int status)
{
    struct client *client = roster_find(&server->roster, pid);
    struct datagram_worker *worker = datagrams_find_process(&server->datagrams, pid);

    if (client)
        end_session(server, client, status, 0);
    else if (worker)
        datagrams_ended(server, worker, status);
    return client || worker;
}

/* ---- reports ---- */

static void take_start(struct server *server, const struct report *report, struct client *client,
                       struct datagram_worker *worker)
{
    if (client && client->pid == 0) {
        roster_started(&server->roster, client, report->pid);
        fork_servers_started(&server->fork_servers, client->server);
        if (report->job > server->paused_job && clock_now() >= server->muted_until)
            admission_resume(server);
        signal_process(server, &client->signal, client->pid, client->server);
    }
    if (worker && worker->pid == 0) {
        worker->pid = report->pid;
        fork_servers_started(&server->fork_servers, worker->server);
        signal_process(server, &worker->signal, worker->pid, worker->server);
    }
}

static void take_report(struct server *server, struct fork_server *fork_server,
                        const struct report *report)
{
    bool datagrams = job_is_datagram(report->job);
    struct client *client =
        datagrams ? NULL : roster_at(&server->roster, job_index(report->job), report->job);
    struct datagram_worker *worker =
        datagrams ? datagrams_find(&server->datagrams, report->job) : NULL;

    switch (report->kind) {
    case REPORT_STARTED:
        take_start(server, report, client, worker);
        break;
    case REPORT_ENDED:
        if (client)
            end_session(server, client, report->status, report->waited);
        if (worker)
            datagrams_ended(server, worker, report->status);
        break;
    case REPORT_FAILED:
        if (client)
            cancel_session(server, client, report->status);
        if (worker)
            datagrams_failed(server, worker, report->status);
        break;
    case REPORT_HELD:
        signal_held(server, fork_server);
        break;
    default: /* of a later version */
        break;
    }
}

/* Returns whether there was something. */
static bool take_reports_of(struct server *server, struct fork_server *fork_server)
{
    struct report list[REPORTS_MAX];
    bool ready = fork_server->ready;
    ssize_t count = fork_servers_receive(&server->fork_servers, fork_server, list);

    for (ssize_t i = 0; i < count; i++)
        take_report(server, fork_server, &list[i]);
    return count > 0 || ready != fork_server->ready;
}

void clients_take_reports(struct server *server)
{
    for (size_t i = 0; i < server->fork_servers.count; i++)
        while (take_reports_of(server, &server->fork_servers.item[i]))
            continue;
}

void clients_await_datagrams(struct server *server, uint64_t deadline)
{
    const struct fork_servers *fs = &server->fork_servers;
    struct pollfd polled[FORK_SERVERS_MAX];

    while (datagrams_live(&server->datagrams) > 0 && clock_now() < deadline) {
        for (size_t i = 0; i < fs->count; i++)
            polled[i] = (struct pollfd){.fd = fs->item[i].channel, .events = POLLIN};
        poll(polled, fs->count, clock_timeout(deadline));
        clients_take_reports(server);
    }
}

/* ---- fork servers that have ended ---- */

/* CLIENT, whose fork server has ended and left no job: its worker is our child now, or has ended
 * unreported. */
static void resolve(struct server *server, struct client *client)
{
    const struct slot *slot = slots_at(&server->slots, (size_t)(client - server->roster.clients));

    /* The kernel noted it as it forked. */
    if (client->pid == 0 && children_have(slot->pid)) {
        roster_started(&server->roster, client, slot->pid);
        fork_servers_started(&server->fork_servers, client->server);
    }
    if (children_have(client->pid))
        signal_process(server, &client->signal, client->pid, client->server);
    else
        end_session(server, client, SESSION_STATUS_UNKNOWN, 0);
}

static void resolve_datagrams(struct server *server, struct datagram_worker *worker)
{
    const struct slot *slot = slots_at(&server->datagrams.slots, worker->slot);

    if (worker->pid == 0 && children_have(slot->pid)) {
        worker->pid = slot->pid;
        fork_servers_started(&server->fork_servers, worker->server);
    }
    if (children_have(worker->pid))
        signal_process(server, &worker->signal, worker->pid, worker->server);
    else
        datagrams_ended(server, worker, SESSION_STATUS_UNKNOWN);
}

static void resolve_all(struct server *server, uint32_t number)
{
    struct roster *roster = &server->roster;
    struct datagrams *datagrams = &server->datagrams;

    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job && roster->clients[i].server == number)
            resolve(server, &roster->clients[i]);
    for (size_t i = 0; i < datagrams->count; i++)
        if (datagrams->item[i].job && datagrams->item[i].server == number)
            resolve_datagrams(server, &datagrams->item[i]);
}

/* JOB has gone from FROM, which has ended, to the current fork server. */
static void move_job(struct server *server, uint64_t job, uint32_t from)
{
    struct client *client = roster_at(&server->roster, job_index(job), job);
    struct datagram_worker *worker = datagrams_find(&server->datagrams, job);

    fork_servers_done(&server->fork_servers, from, false);
    if (!job_is_datagram(job) && client)
        client->server = server->fork_servers.current;
    else if (job_is_datagram(job) && worker)
        worker->server = server->fork_servers.current;
}

static void settle(struct server *server, struct fork_server *fork_server)
{
    bool was_drained = fork_server->drained;
    uint64_t job;

    if (fork_server->pid > 0)
        return;
    while ((job = fork_servers_move(&server->fork_servers, fork_server)) != 0)
        move_job(server, job, fork_server->number);
    if (fork_server->drained && !was_drained)
        resolve_all(server, fork_server->number);
}

void clients_settle(struct server *server)
{
    for (size_t i = 0; i < server->fork_servers.count; i++)
        settle(server, &server->fork_servers.item[i]);
}
