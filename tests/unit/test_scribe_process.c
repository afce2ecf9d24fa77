/*
 * The scribe's process: it is replaced, and the next one continues with its queue.
 */
#include "base/clock.h"
#include "base/text.h"
#include "daemon/supervise/scribe_process.h"

#include "ipc/store.h"

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define FEW (10 * USEC_PER_MSEC)
#define LONG (60 * USEC_PER_SEC)

static const struct title no_title;
static struct scribe_process scribe;
static int sink; /* the output of scribes */

static int group_setup(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    return watchdog_setup(state);
}

static int setup(void **state)
{
    (void)state;
    sink = memfd_create("sink", MFD_CLOEXEC);
    return sink < 0 ? -1 : scribe_process_open(&scribe, SINK_STDERR, &no_title);
}

static int teardown(void **state)
{
    pid_t pid = scribe.pid;

    (void)state;
    scribe_process_stop(&scribe);
    scribe_process_close(&scribe);
    if (pid > 0)
        kill(pid, SIGCONT);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    fd_close(&sink);
    return 0;
}

/* ---- the daemon's timers ---- */

/* Scribes that are started meanwhile write to the sink. */
static int run(uint64_t now)
{
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);

    assert_true(saved >= 0);
    dup2(sink, STDERR_FILENO);
    int r = scribe_process_run(&scribe, now);
    dup2(saved, STDERR_FILENO);
    close(saved);
    return r;
}

static void start(void)
{
    assert_int_equal(scribe.pid, 0);
    assert_int_equal(run(clock_now()), 0);
    assert_true(scribe.pid > 0);
}

/* As wait(2) gives it. */
static int wait_status(int status)
{
    return status >= 1000 ? status - 1000 : status << 8;
}

/* Waits until the scribe has ended, with STATUS as child_end() gives it. */
static void ends(int status)
{
    pid_t pid = scribe.pid;

    assert_int_equal(child_end(pid), status);
    assert_int_equal(scribe_process_exited(&scribe, pid, wait_status(status)),
                     status == 0 ? SCRIBE_EXIT_TOLD : SCRIBE_EXIT_UNEXPECTED);
    assert_int_equal(scribe.pid, 0);
}

static void kill_it(void)
{
    kill(scribe.pid, SIGKILL);
    ends(1000 + SIGKILL);
}

/* ---- records and messages ---- */

static void log_one(const char *text)
{
    struct log log = {.level = LOG_INFO, .channel = scribe.records_out};

    log_info(&log, "%s", text);
    assert_int_equal(log.dropped, 0);
}

static int store_over(struct store *to, const char *text, uint64_t timeout)
{
    char buf[RECORD_MAX];
    struct record record;

    record_start(&record, buf, sizeof(buf), LOG_INFO, "%s", text);
    return store_record(to, &record, timeout);
}

static struct store connect_one(uint32_t *number)
{
    const struct source_key source = {.family = AF_INET};
    int fd = scribe_process_connect(&scribe, &source, number);

    assert_true(fd >= 0);
    assert_int_not_equal(*number, 0);
    return (struct store){.fd = fd};
}

/* Its worker has ended. */
static void disconnect(struct store *store, uint32_t number)
{
    fd_close(&store->fd);
    scribe_process_disconnect(&scribe, number);
}

/* Waits until the scribe, which has answered all records of NUMBER, has taken them away: if it is
 * killed before, the last one is written again. */
static void settle(uint32_t number)
{
    struct pollfd unread = {.fd = scribe.connection[number - 1].fd, .events = POLLIN};

    while (poll(&unread, 1, 0) == 1)
        poll(NULL, 0, 1);
}

/* All records without times, each followed by a |. */
static const char *written(void)
{
    static char buf[65536], texts[65536];
    char *rest = buf, *line;

    lseek(sink, 0, SEEK_SET);
    read_to_end(sink, buf, sizeof(buf));
    texts[0] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL && *line)
        text_append(texts, sizeof(texts), "%s|", strchr(line, ' ') + 1);
    return texts;
}

/* ---- replacement ---- */

static void test_open(void **state)
{
    const int fds[] = {scribe.records_in, scribe.records_out};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
    }
    assert_int_equal(scribe.pid, 0);
    assert_true(scribe_process_next(&scribe) <= clock_now()); /* due to be started */
    start();
    assert_true(scribe_process_next(&scribe) == UINT64_MAX);
    assert_int_equal(scribe_process_exited(&scribe, getpid(), 0), SCRIBE_EXIT_OTHER);
    assert_int_equal(scribe_process_exited(&scribe, 0, 0), SCRIBE_EXIT_OTHER);
}

static void test_killed(void **state)
{
    (void)state;
    log_one("one");
    start();
    uint64_t since = scribe.since;
    uint32_t number;
    struct store to = connect_one(&number);
    assert_int_equal(store_over(&to, "two", LONG), 0);
    settle(number);
    kill_it();
    log_one("three"); /* waits for the next one, */
    uint64_t next = scribe_process_next(&scribe);
    assert_true(next > since && next <= since + 10 * USEC_PER_SEC);
    assert_int_equal(run(next - 1), 0); /* which starts after a delay */
    assert_int_equal(scribe.pid, 0);
    assert_int_equal(run(next), 0);
    assert_true(scribe.pid > 0);
    assert_int_equal(store_over(&to, "four", LONG), 0);
    assert_string_equal(written(),
                        "info: one|info: message from two|info: three|info: message from four|");
    disconnect(&to, number);
}

/* One that ends by itself, since it lacks something, is followed ever more slowly; one that is
 * killed is not. */
static void test_restart_delay_grows(void **state)
{
    static const struct {
        int status;
        unsigned seconds;
    } ends_of[] = {{71, 2}, {71, 4}, {71, 8}, {71, 8}, {1000 + SIGKILL, 1}, {71, 2}};

    (void)state;
    start();
    for (size_t i = 0; i < ARRAY_SIZE(ends_of); i++) {
        kill(scribe.pid, SIGKILL);
        assert_int_equal(child_end(scribe.pid), 1000 + SIGKILL);
        scribe_process_exited(&scribe, scribe.pid, wait_status(ends_of[i].status));
        scribe.since = clock_now();
        assert_true(scribe_process_next(&scribe) ==
                    scribe.since + ends_of[i].seconds * USEC_PER_SEC);
        assert_int_equal(run(scribe_process_next(&scribe)), 0);
        scribe.since = clock_now();
    }
}

/* As after an upgrade: nothing waits, and nothing is lost. */
static void test_retired(void **state)
{
    uint32_t number;

    (void)state;
    start();
    struct store to = connect_one(&number);
    pid_t first = scribe.pid;
    log_one("one");
    scribe_process_retire(&scribe);
    log_one("two");
    ends(0);
    assert_true(scribe_process_next(&scribe) <= clock_now());
    start();
    assert_int_not_equal(scribe.pid, first);
    assert_int_equal(store_over(&to, "three", LONG), 0);
    assert_string_equal(written(), "info: one|info: two|info: message from three|");
    disconnect(&to, number);
}

/* A second time, before the first farewell is read or by a program that does not know of it: that
 * is no fault, and costs one scribe more. */
static void test_retired_twice(void **state)
{
    (void)state;
    start();
    kill(scribe.pid, SIGSTOP);
    scribe_process_retire(&scribe);
    scribe_process_retire(&scribe);
    kill(scribe.pid, SIGCONT);
    for (int i = 0; i < 2; i++) {
        ends(0);
        assert_true(scribe_process_next(&scribe) <= clock_now());
        start();
    }
    log_one("last");
    scribe_process_stop(&scribe);
    ends(0);
    assert_string_equal(written(), "info: last|");
}

/* If its queue is full, the farewell is sent later. */
static void test_retired_late(void **state)
{
    struct log log = {.level = LOG_INFO};

    (void)state;
    start();
    log.channel = scribe.records_out;
    kill(scribe.pid, SIGSTOP);
    while (log.dropped == 0)
        log_info(&log, "one of many");
    while (send(scribe.records_out, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        continue; /* fills the queue */
    scribe_process_retire(&scribe);
    assert_true(scribe.retiring);
    assert_true(scribe_process_next(&scribe) <= clock_now() + USEC_PER_SEC);
    kill(scribe.pid, SIGCONT);
    while (scribe.retiring) {
        assert_int_equal(run(clock_now()), 0);
        poll(NULL, 0, 1);
    }
    ends(0);
}

static void test_dismissed(void **state)
{
    uint32_t number;

    (void)state;
    start();
    struct store to = connect_one(&number);
    log_one("last");
    scribe_process_stop(&scribe);
    assert_int_equal(scribe.records_in, -1);
    assert_int_equal(scribe.records_out, -1);
    assert_int_equal(scribe.stores, -1);
    ends(0);
    assert_string_equal(written(), "info: last|");
    scribe_process_close(&scribe);
    assert_int_equal(store_over(&to, "late", LONG), -EPIPE);
    close(to.fd);
}

/* Closing the queue without a farewell, as if the daemon was killed. */
static void test_queue_that_is_closed(void **state)
{
    (void)state;
    log_one("one");
    start();
    fd_close(&scribe.records_out);
    fd_close(&scribe.records_in);
    ends(0);
    assert_string_equal(written(), "info: one|");
}

/* ---- connections ---- */

static void test_connections_wait_for_a_scribe(void **state)
{
    struct store to[3];
    uint32_t number[3];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(to); i++)
        to[i] = connect_one(&number[i]);
    assert_int_equal(scribe.waiting, 3);
    assert_int_equal(store_over(&to[0], "one", 0), -ETIMEDOUT);
    disconnect(&to[1], number[1]); /* before a scribe had it */
    assert_int_equal(scribe.waiting, 2);
    start();
    assert_int_equal(scribe.waiting, 0);
    assert_int_equal(store_over(&to[0], "two", LONG), 0);
    assert_int_equal(store_over(&to[2], "three", LONG), 0);
    assert_non_null(strstr(written(), "message from one|info: message from two|"));
    disconnect(&to[0], number[0]);
    disconnect(&to[2], number[2]);
}

/* A record that a killed scribe was processing is answered by the next one. */
static void test_record_in_hand(void **state)
{
    uint32_t number;

    (void)state;
    start();
    struct store to = connect_one(&number);
    assert_int_equal(store_over(&to, "it is set up", LONG), 0);
    settle(number);
    kill(scribe.pid, SIGSTOP);
    pid_t worker = fork();
    if (worker == 0)
        _exit(-store_over(&to, "text", LONG) & 0xff);
    assert_int_equal(
        poll(&(struct pollfd){.fd = scribe.connection[number - 1].fd, .events = POLLIN}, 1, -1), 1);
    kill_it();
    assert_int_equal(run(scribe_process_next(&scribe)), 0);
    assert_int_equal(child_end(worker), 0);
    assert_string_equal(written(), "info: message from it is set up|info: message from text|");
    disconnect(&to, number);
}

/* Places are reused, and descriptors are closed. */
static void test_many_one_after_the_other(void **state)
{
    uint32_t number;

    (void)state;
    start();
    struct store first = connect_one(&number);
    assert_int_equal(number, 1);
    for (int i = 0; i < 3000; i++) {
        struct store to = connect_one(&number);
        assert_int_equal(number, 2);
        if (i % 500 == 0)
            assert_int_equal(store_over(&to, "x", LONG), 0);
        disconnect(&to, number);
        run(clock_now()); /* the scribe may be behind */
    }
    assert_int_equal(scribe.count, 2);
    assert_int_equal(store_over(&first, "x", LONG), 0);
    disconnect(&first, 1);
    scribe_process_disconnect(&scribe, 0); /* a client without a connection */
    scribe_process_disconnect(&scribe, 99);
}

static void test_places(void **state)
{
    enum { MANY = 50 };
    struct store to[MANY];
    uint32_t number[MANY];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        to[i] = connect_one(&number[i]);
        assert_int_equal(number[i], i + 1);
    }
    for (int i = 0; i < MANY; i += 2)
        disconnect(&to[i], number[i]);
    assert_int_equal(scribe.waiting, MANY / 2);
    for (int i = 0; i < MANY; i += 2)
        to[i] = connect_one(&number[i]);
    assert_int_equal(scribe.count, MANY);
    for (int i = 0; i < MANY; i++)
        for (int other = 0; other < i; other++)
            assert_int_not_equal(number[i], number[other]);
    start();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(store_over(&to[i], "x", LONG), 0);
        disconnect(&to[i], number[i]);
    }
}

/* The channel to a scribe that does not read is full. */
static void test_no_room_to_pass_them(void **state)
{
    enum { MANY = 1000 };
    static struct store to[MANY];
    static uint32_t number[MANY];
    struct rlimit limit;
    size_t count = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit all = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
    start();
    kill(scribe.pid, SIGSTOP);
    while (scribe.waiting == 0 && count < MANY && 2 * count + 50 < limit.rlim_max) {
        to[count] = connect_one(&number[count]);
        count++;
    }
    if (scribe.waiting == 0)
        cannot_run("there are not descriptors enough to fill the channel");
    assert_true(scribe_process_next(&scribe) != UINT64_MAX);
    kill(scribe.pid, SIGCONT);
    while (scribe.waiting > 0) {
        run(clock_now());
        poll(NULL, 0, 1);
    }
    assert_true(scribe_process_next(&scribe) == UINT64_MAX);
    assert_int_equal(store_over(&to[count - 1], "x", LONG), 0);
    while (count-- > 0)
        disconnect(&to[count], number[count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A connection that the scribe has no descriptor for is lost, but not later ones. */
static void test_scribe_without_descriptors(void **state)
{
    uint32_t number[3];
    struct store to[3];
    struct rlimit before;

    (void)state;
    start();
    to[0] = connect_one(&number[0]);
    assert_int_equal(store_over(&to[0], "one", LONG), 0);
    assert_int_equal(prlimit(scribe.pid, RLIMIT_NOFILE, NULL, &before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(prlimit(scribe.pid, RLIMIT_NOFILE, &none, NULL), 0);
    to[1] = connect_one(&number[1]);
    assert_int_equal(store_over(&to[1], "lost", FEW), -ETIMEDOUT);
    assert_int_equal(store_over(&to[0], "two", LONG), 0); /* it has handled the other one */
    assert_int_equal(prlimit(scribe.pid, RLIMIT_NOFILE, &before, NULL), 0);
    to[2] = connect_one(&number[2]);
    assert_int_equal(store_over(&to[2], "three", LONG), 0);
    for (size_t i = 0; i < ARRAY_SIZE(to); i++)
        disconnect(&to[i], number[i]);
}

/* ---- the process ---- */

/* Its own descriptors and none of the daemon's. */
static void test_its_descriptors(void **state)
{
    char path[64];
    int count = 0, extra = open("/dev/null", O_RDONLY | O_CLOEXEC);
    uint32_t number;

    (void)state;
    if (is_watched())
        cannot_run("valgrind has descriptors of its own");
    start();
    struct store to = connect_one(&number);
    assert_int_equal(store_over(&to, "it is set up", LONG), 0);
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)scribe.pid);
    DIR *directory = opendir(path);
    if (!directory)
        cannot_run("the descriptors of another process cannot be seen");
    for (const struct dirent *e; (e = readdir(directory)) != NULL;)
        count += e->d_name[0] != '.';
    closedir(directory);
    assert_int_equal(count, 5); /* standard error, the queue, the channel, epoll, a connection */
    disconnect(&to, number);
    close(extra);
}

/* ---- taken over from the previous program ---- */

static void test_adopted(void **state)
{
    struct scribe_process heir = SCRIBE_PROCESS_NONE;
    struct store to[4];
    uint32_t number[4];

    (void)state;
    start();
    for (size_t i = 0; i < ARRAY_SIZE(to); i++)
        to[i] = connect_one(&number[i]);
    disconnect(&to[1], number[1]);
    heir.sink = scribe.sink;
    heir.pid = scribe.pid;
    heir.records_in = scribe.records_in;
    heir.records_out = scribe.records_out;
    heir.stores = scribe.stores;
    heir.title = &no_title;
    for (uint32_t n = 1; n <= scribe.count; n++)
        if (scribe.connection[n - 1].fd >= 0) {
            struct store_connection passed = scribe.connection[n - 1];
            passed.passed = n != 4; /* pretends that the last one was not passed */
            assert_int_equal(scribe_process_adopt(&heir, n, &passed), 0);
        }
    const struct store_connection none = {.fd = -1, .passed = true};
    assert_int_equal(scribe_process_adopt(&heir, 0, &none), -EPROTO);
    assert_int_equal(scribe_process_adopt(&heir, UINT32_MAX, &none), -EPROTO);
    scribe_process_adopted(&heir);
    free(scribe.connection);
    scribe = heir;
    assert_int_equal(scribe.waiting, 1);
    run(clock_now());
    assert_int_equal(scribe.waiting, 0);
    to[1] = connect_one(&number[1]);
    assert_int_equal(number[1], 2); /* the free place */
    for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
        assert_int_equal(store_over(&to[i], "x", LONG), 0);
        disconnect(&to[i], number[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open),
        TEST(test_killed),
        TEST(test_restart_delay_grows),
        TEST(test_retired),
        TEST(test_retired_twice),
        TEST(test_retired_late),
        TEST(test_dismissed),
        TEST(test_queue_that_is_closed),
        TEST(test_connections_wait_for_a_scribe),
        TEST(test_record_in_hand),
        TEST(test_many_one_after_the_other),
        TEST(test_places),
        TEST(test_no_room_to_pass_them),
        TEST(test_scribe_without_descriptors),
        TEST(test_its_descriptors),
        TEST(test_adopted),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
