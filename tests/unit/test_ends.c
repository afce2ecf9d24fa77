/*
 * Clients, from the daemon's side: what the real fork server reports of their workers, the signals
 * that these get, and what becomes of them when it is killed.
 */
#include "daemon/ends.h"

#include "daemon/admission/access.h"

#include "daemon/setup.h"
#include "daemon/supervise/worker_signals.h"
#include "fork_server.h"

#define CLIENTS 10

static struct server_settings limits;
static struct settings settings;
static struct listen_settings a_listener;
static struct daemon server;
static int records[2]; /* the log */

static int setup(void **state)
{
    if (fork_servers_setup(state) < 0 || channel_open(records) < 0)
        return -1;
    limits = (struct server_settings){.max_clients = CLIENTS,
                                      .log_sessions = true,
                                      .source_prefix = {.ipv4 = 32, .ipv6 = 64},
                                      .crash_penalty = 60 * USEC_PER_SEC};
    a_listener = (struct listen_settings){.name = "a", .service = SERVICE_ECHO};
    settings = (struct settings){.server = &limits};
    daemon_init(&server, &(struct daemon_plan){.settings = &settings});
    server.log = (struct log){.level = LOG_INFO, .channel = records[1]};
    server.fork_servers = fs;
    server.sessions.slots = slots;
    server.metrics.writer = -1;
    return roster_open(&server.sessions.roster, CLIENTS, &limits.source_prefix) < 0 ||
                   access_open(&server.admission.policy) < 0
               ? -1
               : fork_servers_start(&server.fork_servers, clock_now());
}

static int teardown(void **state)
{
    fs = server.fork_servers;
    access_close(&server.admission.policy);
    roster_close(&server.sessions.roster);
    fd_close(&records[0]);
    fd_close(&records[1]);
    return fork_servers_teardown(state);
}

/* ---- the daemon ---- */

/* A turn of the daemon's loop, as far as it concerns fork servers. */
static void turn(void)
{
    struct pollfd polled[FORK_SERVERS_MAX];
    struct fork_servers *fork_servers = &server.fork_servers;
    size_t count = 0;

    for (size_t i = 0; i < fork_servers->count; i++)
        if (fork_servers->item[i].pid > 0)
            polled[count++] =
                (struct pollfd){.fd = fork_servers->item[i].channel, .events = POLLIN};
    poll(polled, count, 10);
    ends_take_reports(&server);
    ends_take_children(&server);
    ends_recover(&server);
    assert_int_equal(fork_servers_run(fork_servers, clock_now()), 0);
}

static pid_t server_pid(void)
{
    return fork_servers_find(&server.fork_servers, server.fork_servers.current)->pid;
}

static void is_all_set_up(void)
{
    while (!fork_servers_find(&server.fork_servers, server.fork_servers.current)->ready)
        turn();
}

/* Admits a client at 192.0.2.1. Returns its end of the connection. */
static int admit_over(void (*make)(int pair[2]), struct client **client)
{
    size_t index = roster_next(&server.sessions.roster);
    struct submitted submitted = {.id = jobs_client_id(&server.jobs, index)};
    struct address peer;
    int pair[2];

    make(pair);
    assert_int_equal(address_numeric(&peer, "192.0.2.1", 7), 0);
    *slots_at(&server.sessions.slots, index) = (struct slot){.error = 0};
    assert_int_equal(
        jobs_submit_client(&server.jobs, &submitted, pair[0], &peer, &a_listener, "go away\n"), 0);
    *client = roster_add(&server.sessions.roster, submitted.id, &peer, &a_listener);
    (*client)->server = submitted.server;
    server.counters.served++;
    close(pair[0]);
    return pair[1];
}

static int admit(struct client **client)
{
    return admit_over(unix_pair, client);
}

static void answers(int fd)
{
    char c;

    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(fd, &c, 1, 0), 1);
}

/* The value of FIELD in the next record that has it and is an EVENT; those before are lost. */
static const char *logged_field(const char *event, const char *field)
{
    static char buf[RECORD_MAX];
    ssize_t n;

    while ((n = recv(records[0], buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
        const char *is = record_get(buf, (size_t)n, "ECHOD_EVENT");
        const char *value = record_get(buf, (size_t)n, field);
        if (is && strcmp(is, event) == 0 && value)
            return value;
    }
    return "";
}

static void all_are_gone(void)
{
    while (server.sessions.roster.live > 0)
        turn();
    for (size_t i = 0; i < server.fork_servers.count; i++)
        assert_int_equal(server.fork_servers.item[i].jobs, 0);
}

/* ---- a session ---- */

static uint64_t in_all(const struct histogram *histogram)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < ARRAY_SIZE(histogram->count); i++)
        sum += histogram->count[i];
    return sum;
}

static void have_session_over(void (*make)(int pair[2]))
{
    struct client *client;
    int fd = admit_over(make, &client);

    answers(fd);
    close(fd);
    all_are_gone();
}

/* What the worker stores at its end appears in the record and the metrics. */
static void test_session_over_tcp(void **state)
{
    const struct histograms *sessions = &server.counters.sessions;

    (void)state;
    have_session_over(tcp_pair);
    assert_string_equal(logged_field("session", "ECHOD_RETRANSMITS"), "0");
    assert_int_equal(in_all(&sessions->duration), 1);
    assert_int_equal(in_all(&sessions->rtt), 1);
    assert_true(sessions->duration.sum > 0);
    have_session_over(unix_pair);
    assert_string_equal(logged_field("session", "ECHOD_RETRANSMITS"), "");
    assert_int_equal(in_all(&sessions->duration), 2);
    assert_int_equal(in_all(&sessions->rtt), 1);
}

/* A client behind a proxy that was refused was never served. */
static void test_no_session(void **state)
{
    static const struct histograms none;
    struct client *client;
    int fd = admit(&client);

    (void)state;
    client->standing = CLIENT_REFUSED;
    close(fd);
    all_are_gone();
    assert_memory_equal(&server.counters.sessions, &none, sizeof(none));
}

static void test_session(void **state)
{
    struct client *client;
    int fd = admit(&client);

    (void)state;
    answers(fd);
    while (client->pid == 0)
        turn();
    assert_ptr_equal(roster_find(&server.sessions.roster, client->pid), client);
    size_t index = (size_t)(client - server.sessions.roster.clients);
    assert_int_equal(slots_at(&server.sessions.slots, index)->pid, client->pid);
    close(fd);
    all_are_gone();
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "closed");
    assert_int_equal(server.counters.bytes_in, 1);
    assert_int_equal(server.counters.bytes_out, 1);
    assert_int_equal(server.counters.served, 1);
    assert_int_equal(server.counters.crashed, 0);
    assert_int_equal(slots_at(&server.sessions.slots, index)->bytes_in,
                     0); /* its page is free again */
}

/* Reports about unknown jobs are ignored. */
static void test_reports_about_nobody(void **state)
{
    struct client *client;
    int fd = admit(&client);
    const struct fork_server *from = &server.fork_servers.item[0];
    const struct report odd[] = {{.kind = REPORT_STARTED, .job = client->job + 1, .pid = 1},
                                 {.kind = REPORT_ENDED, .job = 0},
                                 {.kind = REPORT_ENDED, .job = UINT64_MAX},
                                 {.kind = REPORT_FAILED, .job = client->job ^ (1u << 30)},
                                 {.kind = REPORT_ENDED, .job = client->job | UINT64_C(1) << 63},
                                 {.kind = 77, .job = client->job}};
    char buf[REPORTS_SIZE];

    (void)state;
    answers(fd);
    while (client->pid == 0)
        turn();
    size_t len = reports_encode(odd, ARRAY_SIZE(odd), buf);
    assert_int_equal(channel_send(from->far, buf, len, NULL, 0), 0);
    assert_int_equal(channel_send(from->far, "nonsense", 8, NULL, 0), 0);
    turn();
    turn();
    assert_int_equal(server.sessions.roster.live, 1);
    answers(fd);
    close(fd);
    all_are_gone();
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "closed");
}

static void test_no_process(void **state)
{
    struct client *client;
    struct report failed = {.kind = REPORT_FAILED, .status = EAGAIN};
    char buf[REPORTS_SIZE];

    (void)state;
    is_all_set_up();
    kill(server_pid(), SIGSTOP); /* the test sends the reports */
    int fd = admit(&client);
    failed.job = client->job;
    size_t len = reports_encode(&failed, 1, buf);
    assert_int_equal(channel_send(server.fork_servers.item[0].far, buf, len, NULL, 0), 0);
    turn();
    assert_int_equal(server.sessions.roster.live, 0);
    assert_int_equal(server.counters.served, 0);
    assert_int_equal(server.counters.refused, 1);
    assert_true(server.admission.pause.count > 0);
    assert_string_equal(logged_field("refused", "ECHOD_REASON"), "no process for it");
    close(fd);
}

/* ---- signals ---- */

static void test_signal(void **state)
{
    struct client *client;
    int fd = admit(&client);

    (void)state;
    answers(fd);
    while (client->pid == 0)
        turn();
    worker_signal_client(&server.fork_servers, client, SIGTERM);
    assert_int_equal(client->signal, SIGTERM); /* pending until its fork server holds */
    all_are_gone();
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "stopped");
    assert_int_equal(server.fork_servers.item[0].hold, HOLD_NOT);
    close(fd);
    fd = admit(&client); /* it continues */
    answers(fd);
    close(fd);
    all_are_gone();
}

/* Even if its process ID is not known yet. */
static void test_signal_before_the_start_is_known(void **state)
{
    struct client *client;

    (void)state;
    is_all_set_up();
    int fd = admit(&client);
    worker_signal_client(&server.fork_servers, client, SIGTERM);
    assert_int_equal(client->pid, 0);
    all_are_gone();
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "stopped");
    close(fd);
}

/* Signals to many workers at once, some of which end by themselves. */
static void test_signals_to_many(void **state)
{
    struct client *clients[CLIENTS];
    int fds[CLIENTS];

    (void)state;
    for (size_t i = 0; i < CLIENTS; i++)
        fds[i] = admit(&clients[i]);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (i % 3 == 0)
            close(fds[i]);
        worker_signal_client(&server.fork_servers, clients[i], SIGTERM);
    }
    all_are_gone();
    for (size_t i = 0; i < CLIENTS; i++)
        if (i % 3 != 0)
            close(fds[i]);
    assert_int_equal(server.counters.crashed, 0);
}

/* The previous program had requested it. */
static void test_signal_that_was_handed_over(void **state)
{
    struct client *client;
    int fd = admit(&client);

    (void)state;
    answers(fd);
    while (client->pid == 0)
        turn();
    client->signal = SIGTERM;
    worker_signal_again(&server.fork_servers, &server.sessions.roster);
    all_are_gone();
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "stopped");
    close(fd);
}

/* ---- a fork server that is killed ---- */

/* Kills the current fork server, and lets the daemon notice. */
static void kill_current(void)
{
    uint32_t number = server.fork_servers.current;
    pid_t pid = server_pid();
    siginfo_t info;

    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL), 0);
    while (server.fork_servers.current == number)
        turn();
}

static void test_killed_with_its_workers(void **state)
{
    struct client *client;
    int fd = admit(&client);

    (void)state;
    answers(fd);
    while (client->pid == 0)
        turn();
    kill_current();
    assert_int_equal(read_end(fd), 0);
    all_are_gone();
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "lost");
    assert_int_equal(server.counters.crashed, 0);
    close(fd);
    fd = admit(&client); /* the next one serves */
    assert_int_equal(client->server, 2);
    answers(fd);
    close(fd);
    all_are_gone();
}

/* It had reported neither start nor end, but no client is forgotten. */
static void test_killed_before_the_start_is_known(void **state)
{
    struct client *client;

    (void)state;
    is_all_set_up();
    int fd = admit(&client);
    answers(fd); /* there is a worker */
    kill_current();
    all_are_gone();
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "lost");
    close(fd);
}

/* Its earlier report counts, although it is read later. */
static void test_killed_after_it_reported_an_end(void **state)
{
    struct client *client;
    int fd = admit(&client);
    struct report ended = {.kind = REPORT_ENDED, .status = END_CLOSED << 8};
    char buf[REPORTS_SIZE];
    siginfo_t info;

    (void)state;
    answers(fd);
    while (client->pid == 0)
        turn();
    ended.job = client->job;
    pid_t pid = server_pid(), worker = client->pid;
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL), 0);
    size_t len = reports_encode(&ended, 1, buf);
    assert_int_equal(channel_send(server.fork_servers.item[0].far, buf, len, NULL, 0), 0);
    ends_take_children(&server);
    assert_int_equal(server.sessions.roster.live, 0);
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "closed");
    waitpid(worker, NULL, __WALL);
    close(fd);
}

/* The next fork server gets the jobs that it had not read. */
static void test_killed_with_unread_jobs(void **state)
{
    struct client *clients[3];
    int fds[3];

    (void)state;
    is_all_set_up();
    kill(server_pid(), SIGSTOP);
    for (size_t i = 0; i < 3; i++)
        fds[i] = admit(&clients[i]);
    kill_current();
    for (size_t i = 0; i < 3; i++) {
        while (clients[i]->pid == 0)
            turn();
        assert_int_equal(clients[i]->server, 2);
        answers(fds[i]);
        close(fds[i]);
    }
    all_are_gone();
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "closed");
    while (server.fork_servers.count > 1)
        turn(); /* the first one is forgotten */
}

/* A worker that does not end by itself gets the pending signal. */
static void test_killed_with_a_signal_to_be_sent(void **state)
{
    struct client *client;
    int fd = admit(&client), status;

    (void)state;
    answers(fd);
    while (client->pid == 0)
        turn();
    kill(server_pid(), SIGSTOP); /* it will not hold */
    assert_int_equal(waitpid(server_pid(), &status, WUNTRACED | __WALL), server_pid());
    kill(client->pid, SIGSTOP);
    worker_signal_client(&server.fork_servers, client, SIGKILL);
    client->end_requested = true;
    assert_int_equal(client->signal, SIGKILL);
    kill_current();
    all_are_gone();
    assert_string_equal(logged_field("session", "ECHOD_REASON"), "cut");
    close(fd);
}

/* ---- crashes ---- */

/* A crash leads to a new fork server and a penalty for the source. */
static void test_crash(void **state)
{
    struct client *client;
    struct report ended = {.kind = REPORT_ENDED, .status = SIGSEGV};
    char buf[REPORTS_SIZE];

    (void)state;
    is_all_set_up();
    kill(server_pid(), SIGSTOP); /* the test sends the reports */
    int fd = admit(&client);
    struct address peer = client->peer;
    ended.job = client->job;
    size_t len = reports_encode(&ended, 1, buf);
    assert_int_equal(channel_send(server.fork_servers.item[0].far, buf, len, NULL, 0), 0);
    turn();
    assert_int_equal(server.sessions.roster.live, 0);
    assert_int_equal(server.counters.crashed, 1);
    assert_string_equal(logged_field("crash", "ECHOD_REASON"), "killed");
    assert_int_equal(access_decide(&server.admission.policy, &peer, &a_listener, clock_now()).rule,
                     ACCESS_PENALTY);
    assert_int_equal(server.fork_servers.current, 2);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_session),
        TEST(test_session_over_tcp),
        TEST(test_no_session),
        TEST(test_reports_about_nobody),
        TEST(test_no_process),
        TEST(test_signal),
        TEST(test_signal_before_the_start_is_known),
        TEST(test_signals_to_many),
        TEST(test_signal_that_was_handed_over),
        TEST(test_killed_with_its_workers),
        TEST(test_killed_before_the_start_is_known),
        TEST(test_killed_after_it_reported_an_end),
        TEST(test_killed_with_unread_jobs),
        TEST(test_killed_with_a_signal_to_be_sent),
        TEST(test_crash),
    };
    return cmocka_run_group_tests(tests, fork_servers_group_setup, NULL);
}
