/*
 * The scribe, in a child whose standard error is a file of the test's.
 */
#include "scribe/scribe.h"
#include "scribe/store.h"

#include "base/log.h"
#include "base/span.h"
#include "scribe/askers.h"

#include "trap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define LONG (60 * USEC_PER_SEC)

static struct scribe scribe;
static int sink; /* what the scribe wrote */

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

static pid_t start(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        dup2(sink, STDERR_FILENO);
        fd_close(&scribe.records_out);
        scribe_run(&scribe);
    }
    assert_true(pid > 0);
    return pid;
}

/* Lets the scribe PID come to its end. What it wrote, without the times, is EXPECTED. */
static void wrote(pid_t pid, const char *expected)
{
    static char buf[65536], texts[65536];
    char *rest = buf, *line;

    scribe_close(&scribe);
    assert_int_equal(child_end(pid), 0);
    lseek(sink, 0, SEEK_SET);
    assert_true(read_to_end(sink, buf, sizeof(buf)) < (ssize_t)sizeof(buf) - 1);
    texts[0] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL && *line)
        text_append(texts, sizeof(texts), "%s|", strchr(line, ' ') + 1);
    assert_string_equal(texts, expected);
}

static int store(const char *text)
{
    char buf[RECORD_MAX];
    struct record record;
    struct store to;

    record_start(&record, buf, sizeof(buf), LOG_INFO, "%s", text);
    assert_int_equal(store_find(&to, scribe.messages), 0);
    return store_record(&to, &record, LONG);
}

static void test_descriptors_are_close_on_exec(void **state)
{
    const int ends[] = {scribe.records_in, scribe.records_out, scribe.messages};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        assert_int_equal(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
    assert_int_equal(scribe.pid, -1);
}

static void test_writes_records_with_their_level(void **state)
{
    struct log log = {.level = LOG_DEBUG, .channel = scribe.records_out};
    pid_t pid = start();

    (void)state;
    log_error(&log, "one");
    log_notice(&log, "two");
    log_debug(&log, "three %d", 3);
    wrote(pid, "error: one|notice: two|debug: three 3|");
}

static void test_writes_messages_and_answers(void **state)
{
    pid_t pid = start();

    (void)state;
    assert_int_equal(store("one"), 0);
    assert_int_equal(store("two"), 0);
    wrote(pid, "info: message from one|info: message from two|");
}

static void test_writes_what_was_queued_before_it_came(void **state)
{
    struct log log = {.level = LOG_INFO, .channel = scribe.records_out};

    (void)state;
    for (int i = 0; i < 5; i++)
        log_info(&log, "%d", i);
    wrote(start(), "info: 0|info: 1|info: 2|info: 3|info: 4|");
}

/* The daemon was killed; a worker has still to store what it took. */
static void test_outlives_a_daemon_that_was_killed(void **state)
{
    int end[2];
    char byte;

    (void)state;
    assert_int_equal(pipe2(end, O_CLOEXEC), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        start();
        pause();
    }
    close(end[1]);
    fd_close(&scribe.records_out);
    assert_int_equal(store("it is set up"), 0);
    kill(daemon, SIGKILL);
    assert_int_equal(child_end(daemon), 1000 + SIGKILL);
    assert_int_equal(store("still"), 0);
    assert_int_equal(read(end[0], &byte, 1), 0); /* the scribe has ended, too */
    close(end[0]);
}

static void test_outlives_the_signals_of_a_terminal(void **state)
{
    pid_t pid = start();

    (void)state;
    assert_int_equal(store("it is set up"), 0);
    kill(pid, SIGINT);
    kill(pid, SIGTERM);
    kill(pid, SIGHUP);
    assert_int_equal(store("and still there"), 0);
    wrote(pid, "info: message from it is set up|info: message from and still there|");
}

static void test_sink_that_fails_is_answered(void **state)
{
    struct log log = {.level = LOG_INFO, .channel = scribe.records_out};

    (void)state;
    fd_close(&sink);
    sink = open("/dev/full", O_WRONLY | O_CLOEXEC);
    pid_t pid = start();
    log_info(&log, "lost"); /* nobody waits for that one */
    assert_int_equal(store("one"), -ENOSPC);
    assert_int_equal(store("two"), -ENOSPC);
    scribe_close(&scribe);
    assert_int_equal(child_end(pid), 0);
}

/* A disk that is full for a while: what is written afterwards begins a line of its own. */
static void test_line_that_is_cut(void **state)
{
    static const char record[] = "ECHOD_TIME=now\0PRIORITY=5\0MESSAGE=text";
    const struct rlimit four = {.rlim_cur = 4, .rlim_max = RLIM_INFINITY};
    const struct rlimit more = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    char buf[128];

    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        dup2(sink, STDERR_FILENO);
        setrlimit(RLIMIT_FSIZE, &four);
        if (sink_write(SINK_STDERR, record, sizeof(record)) != -EFBIG)
            _exit(1);
        setrlimit(RLIMIT_FSIZE, &more);
        _exit(sink_write(SINK_STDERR, record, sizeof(record)) < 0 ||
              sink_write(SINK_STDERR, record, sizeof(record)) < 0);
    }
    assert_int_equal(child_end(pid), 0);
    lseek(sink, 0, SEEK_SET);
    read_to_end(sink, buf, sizeof(buf));
    assert_string_equal(buf, "now \nnow notice: text\nnow notice: text\n");
}

/* A reader that went away makes a write fail, and not the scribe end. */
static void test_sink_that_is_gone(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fd_close(&sink);
    sink = ends[1];
    close(ends[0]);
    pid_t pid = start();
    assert_int_equal(store("one"), -EPIPE);
    scribe_close(&scribe);
    assert_int_equal(child_end(pid), 0);
}

/* ---- what a worker that was taken over may try ---- */

static int reach(void)
{
    struct store to;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_int_equal(store_find(&to, scribe.messages), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to.address, to.len), 0);
    return fd;
}

/* Sends DATA; whatever the scribe answers, it ends the connection. */
static void worker_sends(const void *data, size_t len)
{
    char answer[8];
    int fd = reach();

    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
    while (recv(fd, answer, sizeof(answer), 0) > 0)
        ;
    close(fd);
}

static void test_garbage_is_harmless(void **state)
{
    pid_t pid = start();

    (void)state;
    worker_sends("PRIORITY=6\0\0\0", 13);
    worker_sends("PRIORITY=99", 12);
    worker_sends("MESSAGE=a\nb\0PRIORITY=-1", 24);
    worker_sends("PRIORITY=6\0message=no\0XMESSAGE=no\0MESSAGE", 42);
    worker_sends("no record", 9);
    worker_sends("", 0);
    assert_int_equal(store("good"), 0);
    wrote(pid, "info: message from ?|info: message from ?|info: message from a\\x0ab|"
               "info: message from ?|info: message from ?|info: message from good|");
}

/* Neither by its text nor by what stands before it does a message look like a record of the
 * daemon's, and nothing in it acts on a terminal. */
static void test_forgery_shows(void **state)
{
    static const char forged[] = "ECHOD_TIME=2001-01-01T00:00:00.000Z\0PRIORITY=5\0"
                                 "MESSAGE=reloaded: 2 listeners";
    static const char acting[] = "MESSAGE=\xc2\x9b"
                                 "31m \xe2\x80\xae \xff \\x41 \t.";
    char buf[256];
    pid_t pid = start();

    (void)state;
    worker_sends(forged, sizeof(forged));
    worker_sends(acting, sizeof(acting));
    wrote(pid, "info: message from reloaded: 2 listeners|"
               "info: message from \\xc2\\x9b31m \\xe2\\x80\\xae \\xff \\x41 \t.|");
    lseek(sink, 0, SEEK_SET);
    read_to_end(sink, buf, sizeof(buf));
    assert_null(strstr(buf, "2001"));
}

/* What it does to its own connection concerns nobody else. */
static void test_connections_are_not_shared(void **state)
{
    pid_t pid = start();
    int fd = reach();

    (void)state;
    shutdown(fd, SHUT_RDWR);
    assert_int_equal(store("good"), 0);
    close(fd);
    wrote(pid, "info: message from good|");
}

/* All places are taken by processes that say nothing: others wait their turn, a moment each. */
static void test_silence_keeps_no_place(void **state)
{
    pid_t pid = start(), silent[ASKERS_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
        silent[i] = fork();
        if (silent[i] == 0) {
            char byte;
            _exit((int)recv(reach(), &byte, 1, 0));
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
        assert_int_equal(store("good"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
        assert_int_equal(child_end(silent[i]), 0);
    scribe_close(&scribe);
    assert_int_equal(child_end(pid), 0);
}

/* Of one process, one is heard; the scribe has not as many descriptors as it may connect. */
static void test_one_place_for_each(void **state)
{
    pid_t pid = start();
    int first = reach(), second = reach();
    char byte;

    (void)state;
    assert_int_equal(recv(second, &byte, 1, 0), 0);
    close(first);
    close(second);
    assert_int_equal(store("good"), 0);
    wrote(pid, "info: message from good|");
}

static void test_passed_descriptors_do_not_make_it_wait(void **state)
{
    pid_t pid = start();
    struct trap trap = trap_make();
    char byte;

    (void)state;
    kill(pid, SIGSTOP);
    int fd = reach();
    trap_permit(fd);
    trap_pass(&trap, fd, "MESSAGE=evil");
    kill(pid, SIGCONT);
    recv(fd, &byte, 1, 0);
    close(fd);
    assert_int_equal(store("good"), 0);
    trap_remove(&trap);
    scribe_close(&scribe);
    assert_int_equal(child_end(pid), 0);
}

/* Anybody can connect to an abstract address: another user is turned away. */
static void test_other_users_are_turned_away(void **state)
{
    char byte;

    (void)state;
    if (geteuid() != 0)
        cannot_run("only root can become another user");
    pid_t pid = start(), other = fork();
    if (other == 0) {
        int fd = setuid(65534) < 0 ? -1 : reach();
        send(fd, "MESSAGE=evil", 13, MSG_NOSIGNAL);
        _exit(recv(fd, &byte, 1, 0) > 0);
    }
    assert_int_equal(child_end(other), 0);
    assert_int_equal(store("good"), 0);
    wrote(pid, "info: message from good|");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_descriptors_are_close_on_exec),
        TEST(test_writes_records_with_their_level),
        TEST(test_writes_messages_and_answers),
        TEST(test_writes_what_was_queued_before_it_came),
        TEST(test_outlives_a_daemon_that_was_killed),
        TEST(test_outlives_the_signals_of_a_terminal),
        TEST(test_sink_that_fails_is_answered),
        TEST(test_line_that_is_cut),
        TEST(test_sink_that_is_gone),
        TEST(test_garbage_is_harmless),
        TEST(test_forgery_shows),
        TEST(test_connections_are_not_shared),
        TEST(test_silence_keeps_no_place),
        TEST(test_one_place_for_each),
        TEST(test_passed_descriptors_do_not_make_it_wait),
        TEST(test_other_users_are_turned_away),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
