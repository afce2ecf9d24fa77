/*
 * store_record(), with scribes that are slow to answer, and die.
 */
#include "scribe/store.h"

#include "base/span.h"
#include "scribe/scribe.h"

#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <syslog.h>

#define FEW (10 * USEC_PER_MSEC)
#define LONG (60 * USEC_PER_SEC)

static struct scribe scribe;
static int sink;

static int setup(void **state)
{
    (void)state;
    sink = memfd_create("sink", MFD_CLOEXEC);
    return sink < 0 ? -1 : scribe_open(&scribe, SINK_STDERR);
}

static int teardown(void **state)
{
    (void)state;
    scribe_close(&scribe);
    fd_close(&sink);
    return 0;
}

static int store(uint64_t timeout)
{
    char buf[RECORD_MAX];
    struct record record;
    struct store to;

    record_start(&record, buf, sizeof(buf), LOG_INFO, "text");
    assert_int_equal(store_find(&to, scribe.messages), 0);
    return store_record(&to, &record, timeout);
}

/* How often "text" was written. */
static size_t written(void)
{
    static char buf[1024 * 1024];
    size_t count = 0;

    lseek(sink, 0, SEEK_SET);
    read_to_end(sink, buf, sizeof(buf));
    for (const char *p = buf; (p = strstr(p, ": message from text\n")) != NULL; p++)
        count++;
    return count;
}

/* Takes a letter and drops it, with its connection: as one does who dies over it. */
static void drop_a_letter(void)
{
    struct pollfd asking = {.fd = scribe.messages, .events = POLLIN};
    char buf[RECORD_MAX];

    poll(&asking, 1, -1);
    int fd = accept4(scribe.messages, NULL, NULL, SOCK_CLOEXEC);
    if (recv(fd, buf, sizeof(buf), 0) <= 0)
        _exit(1);
    close(fd);
}

/* A scribe that first drops so many letters. */
static pid_t start_dropping(int letters)
{
    pid_t pid = fork();

    if (pid == 0) {
        dup2(sink, STDERR_FILENO);
        fd_close(&scribe.records_out);
        for (int i = 0; i < letters; i++)
            drop_a_letter();
        scribe_run(&scribe);
    }
    assert_true(pid > 0);
    return pid;
}

static void ends(pid_t pid)
{
    scribe_close(&scribe);
    assert_int_equal(child_end(pid), 0);
}

static void test_nobody_answers(void **state)
{
    uint64_t before = clock_now();

    (void)state;
    assert_int_equal(store(FEW), -ETIMEDOUT);
    assert_true(clock_now() - before >= FEW);
    assert_int_equal(store(0), -ETIMEDOUT);
}

/* Takes all the room of the backlog. Returns how many connections that are, to be closed. */
static size_t fill_backlog(int *fds, size_t max)
{
    struct store to;

    assert_int_equal(store_find(&to, scribe.messages), 0);
    for (size_t i = 0; i < max; i++) {
        fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(fds[i], (struct sockaddr *)&to.address, to.len) < 0) {
            assert_int_equal(errno, EAGAIN);
            return i + 1;
        }
    }
    return max;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

/* Nor is there room for the question. */
static void test_backlog_is_full(void **state)
{
    int fds[8];

    (void)state;
    assert_int_equal(listen(scribe.messages, 2), 0);
    size_t count = fill_backlog(fds, ARRAY_SIZE(fds));
    assert_true(count < ARRAY_SIZE(fds));
    assert_int_equal(store(FEW), -ETIMEDOUT);
    close_all(fds, count);
}

static void test_waits_for_room_in_the_backlog(void **state)
{
    int fds[8];

    (void)state;
    assert_int_equal(listen(scribe.messages, 2), 0);
    size_t count = fill_backlog(fds, ARRAY_SIZE(fds));
    pid_t pid = start_dropping(0);
    assert_int_equal(store(LONG), 0);
    assert_int_equal(written(), 1);
    close_all(fds, count);
    ends(pid);
}

/* A shortage is given the time to pass. */
static void test_out_of_descriptors(void **state)
{
    struct rlimit before, none;
    uint64_t start = clock_now();

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    pid_t pid = start_dropping(0);
    pid_t helper = fork();
    if (helper == 0) {
        usleep(50000);
        prlimit(getppid(), RLIMIT_NOFILE, &before, NULL);
        _exit(0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = store(LONG);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(r, 0);
    assert_true(clock_now() - start < LONG);
    assert_int_equal(child_end(helper), 0);
    ends(pid);
}

static void test_scribe_that_dies_over_it_is_asked_again(void **state)
{
    pid_t pid = start_dropping(3);

    (void)state;
    assert_int_equal(store(LONG), 0);
    assert_int_equal(written(), 1);
    ends(pid);
}

static void test_a_scribe_that_comes_late_finds_the_question(void **state)
{
    pid_t first = fork();

    (void)state;
    if (first == 0) {
        drop_a_letter();
        _exit(start_dropping(0) > 0 ? 0 : 1); /* and its replacement */
    }
    assert_int_equal(store(LONG), 0);
    assert_int_equal(child_end(first), 0);
    assert_int_equal(written(), 1);
}

/* Daemon and scribe are gone. */
static void test_nobody_listens(void **state)
{
    struct record record;
    char buf[RECORD_MAX];
    struct store to;

    (void)state;
    record_start(&record, buf, sizeof(buf), LOG_INFO, "text");
    assert_int_equal(store_find(&to, scribe.messages), 0);
    fd_close(&scribe.messages);
    assert_int_equal(store_record(&to, &record, LONG), -ECONNREFUSED);
}

static void test_leaves_no_descriptors_behind(void **state)
{
    int before = dup(0), after;

    (void)state;
    close(before);
    pid_t pid = start_dropping(2);
    for (int i = 0; i < 10; i++)
        assert_int_equal(store(LONG), 0);
    after = dup(0);
    close(after);
    assert_int_equal(after, before);
    ends(pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_answers),
        TEST(test_backlog_is_full),
        TEST(test_waits_for_room_in_the_backlog),
        TEST(test_out_of_descriptors),
        TEST(test_scribe_that_dies_over_it_is_asked_again),
        TEST(test_a_scribe_that_comes_late_finds_the_question),
        TEST(test_nobody_listens),
        TEST(test_leaves_no_descriptors_behind),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
