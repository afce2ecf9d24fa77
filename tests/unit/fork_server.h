/*
 * The real fork server, of the directory that was built in, with the test as its daemon: it submits
 * jobs, is their client, and takes the reports.
 */
#ifndef ECHOD_TESTS_FORK_SERVER_H
#define ECHOD_TESTS_FORK_SERVER_H

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "daemon/session/slots.h"
#include "daemon/supervise/fork_servers.h"
#include "ipc/channel.h"
#include "ipc/end.h"

#include "unit.h"

#include <limits.h>
#include <poll.h>
#include <sys/prctl.h>

#define LONG (60 * USEC_PER_SEC)
#define SLOTS 1000
#define NOBODY 65534

static struct fork_servers fs;
static struct slots slots;
static int doorbell;

/* Reports that were received and are still to be looked at. */
static struct {
    struct report item[4096];
    size_t count;
} reports;

/* ---- fixtures ---- */

/* Where the programs were built, absolute. */
static inline char *build_dir(void)
{
    static char path[PATH_MAX];

    return path;
}

/* As the daemon, whose children workers are if their fork server is killed. */
static inline int fork_servers_group_setup(void **state)
{
    const char *directory = getenv("ECHOD_BUILDDIR");

    signal(SIGPIPE, SIG_IGN);
    if (!realpath(directory ? directory : ".", build_dir()))
        return -1;
    return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -1 : watchdog_setup(state);
}

/* No fork server yet; in a directory of the test's own. */
static inline int fork_servers_setup(void **state)
{
    const uint32_t id = geteuid() == 0 ? NOBODY : (uint32_t)-1;
    static char path[PATH_MAX + 16]; /* which fork_servers_start() looks at again */

    snprintf(path, sizeof(path), "%s/echod", build_dir());
    strcpy(strrchr(temp_dir(), '/'), "/echod-unit-XXXXXX");
    fs = (struct fork_servers)FORK_SERVERS_NONE;
    reports.count = 0;
    doorbell = doorbell_open();
    if (slots_open(&slots, SLOTS) < 0 || doorbell < 0)
        return -1;
    const struct setup setup = {.uid = id, .gid = id, .slots = slots.memory, .doorbell = doorbell};
    return fork_servers_open(&fs, path, &setup) < 0 ? -1 : temp_setup(state);
}

static inline int fork_servers_teardown(void **state)
{
    fork_servers_close(&fs);
    slots_close(&slots);
    fd_close(&doorbell);
    while (waitpid(-1, NULL, __WALL) > 0) /* orphans, which end by themselves */
        continue;
    return temp_teardown(state);
}

/* ---- fork servers ---- */

static inline void start(void)
{
    assert_int_equal(fork_servers_start(&fs, clock_now()), 0);
}

/* Takes what there is, without waiting. Returns whether there was something. */
static inline bool receive_all(void)
{
    struct report list[REPORTS_MAX];
    size_t before = reports.count;
    bool news = false;

    for (size_t i = 0; i < fs.count; i++) {
        bool ready = fs.item[i].ready;
        ssize_t n;
        while ((n = fork_servers_receive(&fs, &fs.item[i], list)) > 0) {
            assert_true(reports.count + (size_t)n <= ARRAY_SIZE(reports.item));
            memcpy(&reports.item[reports.count], list, (size_t)n * sizeof(list[0]));
            reports.count += (size_t)n;
        }
        assert_int_equal(n, 0);
        news = news || ready != fs.item[i].ready;
    }
    return news || reports.count > before;
}

/* Waits a moment for something, and takes it. */
static inline void await_reports(void)
{
    struct pollfd polled[FORK_SERVERS_MAX];

    for (size_t i = 0; i < fs.count; i++)
        polled[i] = (struct pollfd){.fd = fs.item[i].channel, .events = POLLIN};
    poll(polled, fs.count, 10);
    receive_all();
}

static inline void is_ready(void)
{
    while (!fork_servers_find(&fs, fs.current)->ready)
        await_reports();
}

static inline struct report next_report(void)
{
    while (reports.count == 0)
        await_reports();
    struct report first = reports.item[0];
    reports.count--;
    memmove(&reports.item[0], &reports.item[1], reports.count * sizeof(first));
    return first;
}

/* The next report about JOB; those about others stay. */
static inline struct report report_of(uint64_t job)
{
    for (size_t i = 0;; i++) {
        while (i == reports.count)
            await_reports();
        if (reports.item[i].job != job)
            continue;
        struct report found = reports.item[i];
        reports.count--;
        memmove(&reports.item[i], &reports.item[i + 1], (reports.count - i) * sizeof(found));
        return found;
    }
}

/* ---- jobs ---- */

/* A client that is to be served, as the daemon has it; and as it has itself. */
struct client_job {
    uint64_t id;
    int socket; /* -1 once it was handed over */
    int client; /* the test's end */
    uint32_t server;
    pid_t pid;
};

static inline struct client_job client_job(uint64_t id)
{
    int pair[2];

    unix_pair(pair);
    return (struct client_job){.id = id, .socket = pair[0], .client = pair[1]};
}

static inline void close_job(struct client_job *job)
{
    fd_close(&job->socket);
    fd_close(&job->client);
}

static inline struct job job_of(const struct client_job *client)
{
    static char refusal[] = "echod: try again later\n";

    return (struct job){.id = client->id,
                        .kind = JOB_CLIENT,
                        .slot = (uint32_t)(client->id % SLOTS),
                        .peer = {.len = sizeof(sa_family_t), .sa = {.sa_family = AF_UNIX}},
                        .options = {.listener = "a", .service = SERVICE_ECHO},
                        .refusal = {refusal, sizeof(refusal) - 1},
                        .socket = client->socket,
                        .store = -1,
                        .slots = -1};
}

static inline struct slot *slot_of(const struct client_job *client)
{
    return slots_at(&slots, client->id % SLOTS);
}

static inline int submit(struct client_job *client)
{
    struct job job = job_of(client);

    return fork_servers_submit(&fs, &job, &client->server);
}

static inline void submit_all(struct client_job *clients, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        slots_free(&slots, clients[i].id % SLOTS);
        assert_int_equal(submit(&clients[i]), 0);
        fd_close(&clients[i].socket);
    }
}

static inline void has_started(struct client_job *client)
{
    struct report report = report_of(client->id);

    assert_int_equal(report.kind, REPORT_STARTED);
    assert_true(report.pid > 0);
    client->pid = report.pid;
}

static inline void has_ended(struct client_job *client, int status)
{
    struct report report = report_of(client->id);

    assert_int_equal(report.kind, REPORT_ENDED);
    assert_int_equal(report.pid, client->pid);
    assert_int_equal(report.status, status);
    fork_servers_done(&fs, client->server, false);
    fd_close(&client->client);
}

/* It sends TEXT, and gets the same. */
static inline void is_served(const struct client_job *client, const char *text)
{
    char buf[256];
    size_t len = strlen(text);

    assert_int_equal(send(client->client, text, len, MSG_NOSIGNAL), len);
    assert_int_equal(recv(client->client, buf, len, MSG_WAITALL), len);
    assert_memory_equal(buf, text, len);
}

/* What comes until its end: how many bytes. */
static inline ssize_t read_end(int fd)
{
    char buf[256];

    return read_to_end(fd, buf, sizeof(buf));
}

/* It is served, closes, and that is reported. */
static inline void ends_well(struct client_job *client)
{
    is_served(client, "hello");
    shutdown(client->client, SHUT_WR);
    assert_int_equal(read_end(client->client), 0);
    if (client->pid == 0)
        has_started(client);
    has_ended(client, END_CLOSED << 8);
}

/* In place of what the daemon does with jobs of one that has ended. */
static inline void fork_servers_close_channels(void)
{
    for (size_t i = 0; i < fs.count; i++) {
        fd_close(&fs.item[i].channel);
        fd_close(&fs.item[i].far);
    }
}

#endif
