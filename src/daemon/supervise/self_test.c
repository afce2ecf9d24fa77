#include "daemon/supervise/self_test.h"

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "daemon/session/session_log.h"
#include "daemon/supervise/fork_exec.h"
#include "daemon/supervise/protections.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Much longer than the test takes, even on a busy machine. */
#define PATIENCE (60 * USEC_PER_SEC)
/* How often to check whether a silent fork server is still alive. */
#define LOOK_MSEC 20
#define CLAUSE_MAX 160
/* How many scribes to try, in case one lacks resources for a moment. */
#define SCRIBES 3

/* The state of the test. */
struct trial {
    struct jobs *jobs;
    struct slots *slots;
    struct log *log;
    struct submitted submitted;
    uint64_t deadline;
    siginfo_t exit; /* of the fork server; si_pid is 0: it is still there */
    bool ended;     /* the worker, with: */
    int status;
    int error; /* why no worker could be forked */
};

static struct fork_server *fork_server_of(const struct trial *trial)
{
    return fork_servers_find(trial->jobs->servers, trial->jobs->servers->current);
}

static void take_report(struct trial *trial, const struct report *report)
{
    if (report->job != trial->submitted.id)
        return;
    if (report->kind == REPORT_FAILED)
        trial->error = report->status;
    trial->ended = report->kind == REPORT_ENDED || report->kind == REPORT_FAILED;
    trial->status = report->status;
}

/* Waits a moment for reports of the fork server, and handles them. Returns whether it is alive. */
static bool poll_reports(struct trial *trial)
{
    struct fork_server *fork_server = fork_server_of(trial);
    struct pollfd polled = {.fd = fork_server->channel, .events = POLLIN};
    struct report list[REPORTS_MAX];
    ssize_t count;

    poll(&polled, 1, LOOK_MSEC);
    bool gone =
        waitid(P_PID, (id_t)fork_server->pid, &trial->exit, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        trial->exit.si_pid != 0;
    while ((count = fork_servers_receive(trial->jobs->servers, fork_server, list)) > 0)
        for (ssize_t i = 0; i < count; i++)
            take_report(trial, &list[i]);
    return !gone;
}

/* ---- steps ---- */

static int fail(struct trial *trial, const char *clause)
{
    log_error(
        trial->log,
        "self test failed, no client can be served: %s; does a container or a system call filter "
        "restrict echod?",
        clause);
    return EXIT_OSERR;
}

/* SCRIBE has ended or is about to. Starts another one. Returns 0 or -errno. */
static int replace_scribe(struct scribe_process *scribe)
{
    pid_t pid = scribe->pid;
    int status = 0;

    waitpid(pid, &status, __WALL);
    scribe_process_exited(scribe, pid, status);
    return scribe_process_start(scribe, clock_now());
}

/* Without a scribe, errors are written to standard error directly. */
static int await_scribe(struct trial *trial)
{
    struct log *log = trial->log;
    struct scribe_process *scribe = trial->jobs->scribe;
    int r = scribe_process_await(scribe, trial->deadline);

    for (int i = 1; i < SCRIBES && r == -ECHILD; i++) {
        r = replace_scribe(scribe);
        if (r == 0)
            r = scribe_process_await(scribe, trial->deadline);
    }
    if (r == 0)
        return 0;
    log->channel = -1;
    log_error(
        log,
        "self test failed, no log can be written: the scribe did not become ready: %s; does a "
        "container or a system call filter restrict echod?",
        r == -ECHILD ? "it ended" : strerror(-r));
    return EXIT_OSERR;
}

/* The fork server exited before it was ready. */
static int fail_exited(struct trial *trial)
{
    int status = trial->exit.si_code == CLD_EXITED ? trial->exit.si_status : -1;
    char clause[CLAUSE_MAX];

    if (status == FORK_EXEC_FAILED || status == EXIT_SOFTWARE) {
        log_error(trial->log, "self test failed, no client can be served: %s: reinstall echod",
                  status == EXIT_SOFTWARE ? "echod-forkserver is of another version than echod"
                                          : "cannot execute echod-forkserver");
        return EXIT_OSERR;
    }
    snprintf(clause, CLAUSE_MAX, "the fork server exited before it was ready (%s %d)",
             status < 0 ? "signal" : "exit status", trial->exit.si_status);
    return fail(trial, clause);
}

static int await_ready(struct trial *trial)
{
    while (!fork_server_of(trial)->ready) {
        bool there = poll_reports(trial);
        if (fork_server_of(trial)->ready)
            break;
        if (!there)
            return fail_exited(trial);
        if (clock_now() >= trial->deadline)
            return fail(trial, "the fork server did not become ready");
    }
    return 0;
}

/* Submits an echo job for CLIENT. Uses the first slot, which is still free. */
static int submit(struct trial *trial, int client)
{
    const struct listen_settings listen = {
        .name = "self-test", .service = SERVICE_ECHO, .protocol = PROTOCOL_UNIX};
    const struct address peer = {.len = sizeof(sa_family_t), .un = {.sun_family = AF_UNIX}};

    slots_take(trial->slots, 0);
    trial->submitted.id = jobs_client_id(trial->jobs, 0);
    return jobs_submit_client(trial->jobs, &trial->submitted, client, &peer, &listen, "");
}

/* Returns whether a byte that is sent to CLIENT comes back. */
static bool is_echoed(struct trial *trial, int client)
{
    struct pollfd polled = {.fd = client, .events = POLLIN};
    char byte = 'e';

    if (send(client, &byte, 1, MSG_NOSIGNAL) != 1)
        return false;
    while (poll(&polled, 1, 0) == 0 && !trial->ended && clock_now() < trial->deadline)
        if (!poll_reports(trial))
            return false;
    byte = '\0';
    return recv(client, &byte, 1, MSG_DONTWAIT) == 1 && byte == 'e';
}

static void describe(const struct trial *trial, char *clause)
{
    const struct slot *slot = slots_at(trial->slots, 0);

    if (trial->error)
        snprintf(clause, CLAUSE_MAX, "cannot fork a worker: %s", strerror(trial->error));
    else if (!trial->ended)
        snprintf(clause, CLAUSE_MAX, "the first worker did not reply");
    else
        session_describe(clause, CLAUSE_MAX, trial->status, slot);
}

/* Tries the calls that a stop and the listeners need, with SOCKET and without one. Returns 0 or
 * -errno. */
static int try_calls(int socket)
{
    struct address local;

    if (kill(getpid(), 0) < 0)
        return -errno;
    if (accept4(-1, NULL, NULL, SOCK_CLOEXEC) < 0 && errno != EBADF)
        return -errno;
    return address_local(&local, socket);
}

static int try_worker(struct trial *trial)
{
    char clause[CLAUSE_MAX];
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail(trial, strerror(errno));
    int r = submit(trial, pair[1]);
    fd_close(&pair[1]);
    bool good = r == 0 && is_echoed(trial, pair[0]);
    fd_close(&pair[0]);
    while (good && !trial->ended && poll_reports(trial) && clock_now() < trial->deadline)
        continue;
    if (good && !trial->ended) {
        good = false;
        snprintf(clause, CLAUSE_MAX, "the end of the first worker was not reported");
    } else {
        describe(trial, clause);
    }
    if (r == 0)
        fork_servers_done(trial->jobs->servers, trial->submitted.server, false);
    slots_free(trial->slots, 0);
    slots_give_back(trial->slots);
    return good ? 0 : fail(trial, clause);
}

int self_test(struct jobs *jobs, struct slots *slots, struct log *log)
{
    struct trial trial = {
        .jobs = jobs, .slots = slots, .log = log, .deadline = clock_now() + PATIENCE};
    int status = await_scribe(&trial), r = try_calls(jobs->scribe->records_out);

    if (status == 0 && r < 0)
        status = fail(&trial, strerror(-r));
    if (status == 0)
        status = await_ready(&trial);
    if (status == 0)
        status = try_worker(&trial);
    if (jobs->servers->known)
        protections_log(jobs->servers, log);
    return status;
}
