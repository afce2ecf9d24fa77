/*
 * The fork server, the real program, and its jobs.
 */
#include "base/exit.h"
#include "base/memory.h"
#include "fork_server.h"

#include "ipc/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/personality.h>
#include <sys/resource.h>

static pid_t server_pid(void)
{
    return fork_servers_find(&fs, fs.current)->pid;
}

static int submit_as(struct client_job *client, const struct job *job)
{
    int r = fork_servers_submit(&fs, job, &client->server);

    fd_close(&client->socket);
    return r;
}

/* ---- from start to end ---- */

static void test_from_start_to_end(void **state)
{
    struct client_job job = client_job(7);
    struct report report;

    (void)state;
    start();
    submit_all(&job, 1);
    is_served(&job, "hello");
    report = next_report();
    assert_int_equal(report.kind, REPORT_STARTED);
    assert_int_equal(report.job, 7);
    job.pid = report.pid;
    assert_int_equal(slot_of(&job)->pid, job.pid);
    assert_int_equal(slot_of(&job)->state, SLOT_SERVING);
    shutdown(job.client, SHUT_WR);
    assert_int_equal(read_end(job.client), 0);
    report = next_report();
    assert_int_equal(report.kind, REPORT_ENDED);
    assert_int_equal(report.job, 7);
    assert_int_equal(report.pid, job.pid);
    assert_int_equal(report.status, END_CLOSED << 8);
    assert_int_equal(slot_of(&job)->bytes_in, 5);
    assert_int_equal(slot_of(&job)->bytes_out, 5);
    close(job.client);
}

/* More jobs and reports than fit into one message. */
static void test_many_at_once(void **state)
{
    enum { MANY = 300 };
    static struct client_job job[MANY];
    size_t submitted = 0;

    (void)state;
    start();
    for (size_t i = 0; i < MANY; i++)
        job[i] = client_job(i + 1);
    while (submitted < MANY) {
        if (submit(&job[submitted]) == 0)
            fd_close(&job[submitted++].socket);
        else
            await_reports();
    }
    for (size_t i = 0; i < MANY; i++)
        shutdown(job[i].client, SHUT_WR); /* all end, in whatever order */
    for (size_t i = 0; i < MANY; i++) {
        has_started(&job[i]); /* first, whatever else there is of it */
        has_ended(&job[i], END_CLOSED << 8);
    }
    assert_int_equal(reports.count, 0);
}

/* Of external signals, only SIGTERM and SIGKILL end a worker. */
static void test_ends_by_signals(void **state)
{
    static const int unheard[] = {SIGHUP, SIGINT, SIGQUIT, SIGCHLD};
    struct client_job job = client_job(1), killed = client_job(2);

    (void)state;
    start();
    submit_all(&job, 1);
    submit_all(&killed, 1);
    is_served(&job, "x");
    is_served(&killed, "x");
    has_started(&job);
    has_started(&killed);
    for (size_t i = 0; i < ARRAY_SIZE(unheard); i++)
        kill(job.pid, unheard[i]);
    is_served(&job, "x");
    kill(job.pid, SIGTERM);
    has_ended(&job, END_STOPPED << 8);
    kill(killed.pid, SIGKILL);
    has_ended(&killed, SIGKILL);
}

/* Starts one that may have nothing of RESOURCE. Root is not bound by the limits that it sets
 * before, others cannot fork then, but may limit who is of the same user. */
static void start_limited(__rlimit_resource_t resource)
{
    const bool root = geteuid() == 0;
    struct rlimit before;

    assert_int_equal(getrlimit(resource, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    if (root)
        assert_int_equal(setrlimit(resource, &none), 0);
    start();
    is_ready();
    if (root)
        assert_int_equal(setrlimit(resource, &before), 0);
    else
        assert_int_equal(prlimit(server_pid(), resource, &none, NULL), 0);
}

/* A periodic check replaces signals that were lost. */
static void test_end_whose_signal_was_lost(void **state)
{
    struct client_job job[3] = {client_job(1), client_job(2), client_job(3)};

    (void)state;
    start_limited(RLIMIT_SIGPENDING);
    submit_all(job, ARRAY_SIZE(job));
    for (size_t i = 0; i < ARRAY_SIZE(job); i++)
        ends_well(&job[i]);
}

/* ---- what a worker has ---- */

/* Returns the limit NAME of PID from /proc. */
static unsigned long limit_of(pid_t pid, const char *name)
{
    char line[256], path[64];
    unsigned long soft = 0;

    snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
    FILE *from = fopen(path, "re");
    assert_non_null(from);
    while (fgets(line, sizeof(line), from))
        if (strncmp(line, name, strlen(name)) == 0)
            soft = strtoul(line + strlen(name), NULL, 10);
    fclose(from);
    return soft;
}

/* Returns the number of descriptors of PID, or -1 if that cannot be read. */
static int descriptors_of(pid_t pid)
{
    char path[64];
    int count = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *directory = opendir(path);
    for (const struct dirent *e; directory && (e = readdir(directory)) != NULL;)
        count += e->d_name[0] != '.';
    if (directory)
        closedir(directory);
    return directory ? count : -1;
}

/* Only the client's socket, and standard error with sanitizers. */
static void test_descriptors_of_a_worker(void **state)
{
    struct client_job job = client_job(1);
    int expected = INSTRUMENTED ? 3 : 1;

    (void)state;
    start();
    submit_all(&job, 1);
    is_served(&job, "x"); /* it has completed its setup */
    has_started(&job);
    assert_int_equal(limit_of(job.pid, "Max open files"), expected);
    assert_int_equal(limit_of(job.pid, "Max processes"), 0);
    int count = descriptors_of(job.pid);
    assert_true(count == -1 || count == (INSTRUMENTED ? 2 : 1));
    ends_well(&job);
}

/* The number is the same after any number of jobs. */
static void test_descriptors_of_the_fork_server(void **state)
{
    (void)state;
    start();
    is_ready();
    int before = descriptors_of(server_pid());
    if (before < 0)
        cannot_run("only root sees the descriptors of a process that is undumpable");
    for (uint64_t id = 1; id <= 50; id++) {
        struct client_job job = client_job(id);
        submit_all(&job, 1);
        ends_well(&job);
    }
    const struct setup again = fs.setup; /* has no effect, and is dropped */
    assert_int_equal(setup_send(fs.item[0].channel, &again), 0);
    struct client_job last = client_job(51);
    submit_all(&last, 1);
    ends_well(&last);
    assert_int_equal(descriptors_of(server_pid()), before);
}

/* It has no descriptor that the daemon has inherited. */
static void test_no_inherited_descriptors(void **state)
{
    int ends[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(ends), 0); /* not close-on-exec */
    start();
    is_ready();
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* nobody has the other end */
    close(ends[0]);
}

static void test_title(void **state)
{
    struct client_job client = client_job(1);
    char path[64], title[256] = "", given[] = "echod: 192.0.2.1:7 a echo";

    (void)state;
    start();
    struct job job = job_of(&client);
    job.title = (struct text){.data = given, .len = strlen(given)};
    assert_int_equal(submit_as(&client, &job), 0);
    is_served(&client, "x");
    has_started(&client);
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)client.pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read_to_end(fd, title, sizeof(title)) > 0);
    close(fd);
    assert_string_equal(title, given);
    ends_well(&client);
}

/* Returns the load address of PID, or 0 if that cannot be read. */
static unsigned long place_of(pid_t pid)
{
    char path[64], line[PATH_MAX + 128] = "";
    unsigned long place = 0;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *from = fopen(path, "re");
    while (from && place == 0 && fgets(line, sizeof(line), from))
        if (strstr(line, "echod-forkserver"))
            place = strtoul(line, NULL, 16);
    if (from)
        fclose(from);
    return place;
}

/* Each has a new layout, so a crash reveals nothing about the next one. */
static void test_layout_is_new_each_time(void **state)
{
    unsigned long places[2];

    (void)state;
    if (personality(0xffffffff) & ADDR_NO_RANDOMIZE)
        cannot_run("addresses are not random here");
    for (int i = 0; i < 2; i++) {
        start();
        is_ready();
        places[i] = place_of(server_pid());
    }
    if (places[0] == 0)
        cannot_run("only root sees the maps of a process that is undumpable");
    assert_int_not_equal(places[0], places[1]);
}

/* ---- jobs of each kind ---- */

static void test_job_that_stores(void **state)
{
    struct client_job client = client_job(1);
    struct store_head head;
    char buf[STORE_RECORD_MAX];
    pid_t sender = 0;
    int ends[2];

    (void)state;
    start();
    assert_int_equal(store_open(ends), 0);
    struct job job = job_of(&client);
    job.options.service = SERVICE_MESSAGE;
    job.options.max_message = 100;
    job.options.reply = (struct text){.data = (char[]){"OK"}, .len = 2};
    job.store = ends[0];
    assert_int_equal(submit_as(&client, &job), 0);
    close(ends[0]);
    assert_int_equal(send(client.client, "text\n", 5, MSG_NOSIGNAL), 5);
    assert_int_equal(poll(&(struct pollfd){.fd = ends[1], .events = POLLIN}, 1, -1), 1);
    ssize_t n = store_peek(ends[1], &head, buf, &sender);
    assert_true(n > 0);
    assert_string_equal(record_get(buf, (size_t)n, "MESSAGE"), "unix on a: text");
    head.error = 0;
    store_answer(ends[1], &head);
    assert_int_equal(recv(client.client, buf, 3, MSG_WAITALL), 3);
    assert_memory_equal(buf, "OK\n", 3);
    has_started(&client);
    assert_int_equal(sender, client.pid);
    assert_int_equal(limit_of(client.pid, "Max open files"), INSTRUMENTED ? 3 : 2);
    shutdown(client.client, SHUT_WR);
    has_ended(&client, END_CLOSED << 8);
    assert_int_equal(recv(ends[1], buf, 1, 0), 0); /* nobody holds the other end */
    close(ends[1]);
}

/* It rings the doorbell, writes the client's address, and waits for the answer. */
static void test_job_behind_a_proxy(void **state)
{
    struct client_job client = client_job(1);
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    start();
    struct job job = job_of(&client);
    job.options.proxy = PROXY_V1;
    slots_free(&slots, 1);
    assert_int_equal(submit_as(&client, &job), 0);
    const char header[] = "PROXY TCP4 198.51.100.7 203.0.113.1 1234 80\r\n";
    assert_int_equal(send(client.client, header, sizeof(header) - 1, 0), sizeof(header) - 1);
    assert_int_equal(poll(&(struct pollfd){.fd = doorbell, .events = POLLIN}, 1, -1), 1);
    doorbell_silence(doorbell);
    struct slot *slot = slot_of(&client);
    assert_int_equal(slot->state, SLOT_ASKING);
    assert_string_equal(address_format(&slot->client, text, sizeof(text)), "198.51.100.7:1234");
    slot_answer(slot, SLOT_ADMITTED);
    ends_well(&client);
}

/* A UDP socket that is bound to loopback; ADDRESS is its address. */
static int udp_socket(struct address *address)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

    assert_int_equal(address_numeric(address, "127.0.0.1", 0), 0);
    assert_int_equal(bind(fd, &address->sa, address->len), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
    address->len = sizeof(address->storage);
    assert_int_equal(getsockname(fd, &address->sa, &address->len), 0);
    return fd;
}

static void test_datagram_job(void **state)
{
    struct address address, own;
    struct slots others = {.memory = -1};
    int server = udp_socket(&address), client = udp_socket(&own);
    uint32_t number;
    char buf[8];

    (void)state;
    start();
    assert_int_equal(slots_open(&others, 3), 0);
    const struct job job = {
        .id = 9,
        .kind = JOB_DATAGRAMS,
        .slot = 2,
        .peer = address,
        .options = {.listener = "u", .service = SERVICE_ECHO, .protocol = PROTOCOL_UDP},
        .datagrams = {.source_prefix = {.ipv4 = 32, .ipv6 = 64}},
        .socket = server,
        .store = -1,
        .slots = others.memory};
    assert_int_equal(fork_servers_submit(&fs, &job, &number), 0);
    close(server);
    assert_int_equal(sendto(client, "hello", 5, 0, &address.sa, address.len), 5);
    assert_int_equal(poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, -1), 1);
    assert_int_equal(recv(client, buf, sizeof(buf), 0), 5);
    struct report report = report_of(9);
    assert_int_equal(report.kind, REPORT_STARTED);
    const struct slot *slot = slots_at(&others, 2);
    assert_int_equal(slot->pid, report.pid);
    assert_int_equal(slot->counter[COUNTER_IN], 1);
    kill(report.pid, SIGTERM);
    report = report_of(9);
    assert_int_equal(report.kind, REPORT_ENDED);
    assert_int_equal(report.status, END_STOPPED << 8);
    close(client);
    slots_close(&others);
}

/* A long list is sent as a memfd. */
static void test_job_with_a_long_list(void **state)
{
    enum { MANY = 10000 };
    struct client_job client = client_job(1);
    struct cidr *many = memory_zeroed(MANY, sizeof(*many));

    (void)state;
    start();
    struct job job = job_of(&client);
    job.datagrams.deny = (struct cidrs){.item = many, .count = MANY};
    assert_int_equal(submit_as(&client, &job), 0);
    ends_well(&client);
    free(many);
}

/* ---- what goes wrong ---- */

/* Client and daemon get the reason, and the fork server continues. */
static void test_no_process_for_a_worker(void **state)
{
    char buf[64];

    (void)state;
    start_limited(RLIMIT_NPROC);
    for (uint64_t id = 1; id <= 3; id++) {
        struct client_job job = client_job(id);
        submit_all(&job, 1);
        assert_true(read_to_end(job.client, buf, sizeof(buf)) > 0);
        assert_string_equal(buf, "echod: try again later\n");
        struct report report = report_of(id);
        assert_int_equal(report.kind, REPORT_FAILED);
        assert_int_equal(report.status, EAGAIN);
        close(job.client);
    }
}

static void test_nonsense(void **state)
{
    struct client_job job = client_job(1);

    (void)state;
    start();
    submit_all(&job, 1);
    is_served(&job, "x");
    has_started(&job);
    assert_int_equal(channel_send(fs.item[0].channel, "nonsense", 8, NULL, 0), 0);
    pid_t pid = server_pid();
    assert_int_equal(child_end(pid), EXIT_SOFTWARE);
    assert_non_null(fork_servers_exited(&fs, pid, clock_now()));
    assert_int_equal(read_end(job.client), 0);         /* its workers end with it, */
    assert_int_equal(child_end(job.pid), END_STOPPED); /* as after SIGTERM */
    close(job.client);
}

/* ---- the daemon's end ---- */

static void test_channel_that_is_closed(void **state)
{
    struct client_job job = client_job(1);

    (void)state;
    start();
    submit_all(&job, 1);
    is_served(&job, "x");
    has_started(&job);
    pid_t pid = server_pid();
    fork_servers_close_channels();
    assert_int_equal(child_end(pid), 0);
    fs.item[0].pid = 0;
    assert_int_equal(read_end(job.client), 0);
    assert_int_equal(child_end(job.pid), END_STOPPED);
    close(job.client);
}

/* In a child, which is killed: a daemon that serves CLIENT. */
NORETURN static void be_daemon(struct client_job *client)
{
    if (fork_servers_start(&fs, clock_now()) < 0 || submit(client) < 0)
        _exit(1);
    fd_close(&client->socket);
    for (;;)
        pause();
}

static void test_daemon_that_is_killed(void **state)
{
    struct client_job job = client_job(1);

    (void)state;
    pid_t daemon = fork();
    if (daemon == 0) {
        fd_close(&job.client);
        be_daemon(&job);
    }
    fd_close(&job.socket);
    is_served(&job, "x");
    kill(daemon, SIGKILL);
    assert_int_equal(child_end(daemon), 1000 + SIGKILL);
    assert_int_equal(read_end(job.client), 0);
    close(job.client);
}

/* ---- by hand ---- */

/* The exit status of the program with ARGUMENT, or NULL, and what it prints, in BUF. */
static int run(const char *argument, char *buf, size_t size)
{
    char path[PATH_MAX + 32];
    int ends[2];

    snprintf(path, sizeof(path), "%s/echod-forkserver", build_dir());
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        dup2(null, STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execl(path, "echod-forkserver", argument, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    read_to_end(ends[0], buf, size);
    close(ends[0]);
    return child_end(pid);
}

static void test_started_by_hand(void **state)
{
    char buf[1024];

    (void)state;
    assert_int_equal(run(NULL, buf, sizeof(buf)), EXIT_USAGE);
    assert_non_null(strstr(buf, "by hand"));
    assert_int_equal(run("--nonsense", buf, sizeof(buf)), EXIT_USAGE);
    assert_int_equal(run("--version", buf, sizeof(buf)), 0);
    assert_non_null(strstr(buf, "echod-forkserver "));
    assert_int_equal(run("--help", buf, sizeof(buf)), 0);
    assert_non_null(strstr(buf, "Usage: "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fork_servers_setup, fork_servers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_from_start_to_end),
        TEST(test_many_at_once),
        TEST(test_ends_by_signals),
        TEST(test_end_whose_signal_was_lost),
        TEST(test_descriptors_of_a_worker),
        TEST(test_descriptors_of_the_fork_server),
        TEST(test_no_inherited_descriptors),
        TEST(test_title),
        TEST(test_layout_is_new_each_time),
        TEST(test_job_that_stores),
        TEST(test_job_behind_a_proxy),
        TEST(test_datagram_job),
        TEST(test_job_with_a_long_list),
        TEST(test_no_process_for_a_worker),
        TEST(test_nonsense),
        TEST(test_channel_that_is_closed),
        TEST(test_daemon_that_is_killed),
        TEST(test_started_by_hand),
    };
    return cmocka_run_group_tests(tests, fork_servers_group_setup, NULL);
}
