/*
 * The scribe, in a child whose standard error is a file of the test's.
 */
#include "scribe/scribe.h"
#include "scribe/store.h"

#include "base/log.h"
#include "base/span.h"

#include "unit.h"

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
        fd_close(&scribe.messages_out);
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

    fd_close(&scribe.records_out);
    fd_close(&scribe.messages_out);
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

    record_start(&record, buf, sizeof(buf), LOG_INFO, "%s", text);
    return store_record(scribe.messages_out, &record, LONG);
}

static void test_descriptors_are_close_on_exec(void **state)
{
    const int ends[] = {scribe.records_in, scribe.messages_in, scribe.records_out,
                        scribe.messages_out};

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
    wrote(pid, "info: one|info: two|");
}

static void test_writes_what_was_queued_before_it_came(void **state)
{
    struct log log = {.level = LOG_INFO, .channel = scribe.records_out};

    (void)state;
    for (int i = 0; i < 5; i++)
        log_info(&log, "%d", i);
    wrote(start(), "info: 0|info: 1|info: 2|info: 3|info: 4|");
}

static void test_lives_as_long_as_anyone_may_send(void **state)
{
    pid_t pid = start();

    (void)state;
    fd_close(&scribe.records_out); /* the daemon is gone, a worker is not */
    assert_int_equal(store("still"), 0);
    wrote(pid, "info: still|");
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
    wrote(pid, "info: it is set up|info: and still there|");
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
    fd_close(&scribe.records_out);
    fd_close(&scribe.messages_out);
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
    fd_close(&scribe.records_out);
    fd_close(&scribe.messages_out);
    assert_int_equal(child_end(pid), 0);
}

/* ---- what a worker that was taken over may try ---- */

static void worker_sends(const void *data, size_t len, const int *fds, size_t count)
{
    union {
        char bytes[CMSG_SPACE(8 * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec vector = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        *CMSG_FIRSTHDR(&message) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                                    .cmsg_type = SCM_RIGHTS,
                                                    .cmsg_len = CMSG_LEN(count * sizeof(int))};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, count * sizeof(int));
    }
    assert_int_equal(sendmsg(scribe.messages_out, &message, 0), len);
}

static void test_garbage_is_harmless(void **state)
{
    pid_t pid = start();

    (void)state;
    worker_sends("PRIORITY=6\0\0\0", 13, NULL, 0);
    worker_sends("PRIORITY=99", 12, NULL, 0);
    worker_sends("MESSAGE=a\nb\0PRIORITY=-1", 24, NULL, 0);
    worker_sends("PRIORITY=6\0message=no\0XMESSAGE=no\0MESSAGE", 42, NULL, 0);
    assert_int_equal(store("good"), 0);
    wrote(pid, "info: |info: |info: a?b|info: |info: good|");
}

static void test_no_priority_is_no_emergency(void **state)
{
    pid_t pid = start();

    (void)state;
    worker_sends("no record", 9, NULL, 0);
    worker_sends("MESSAGE=a", 10, NULL, 0);
    worker_sends("MESSAGE=b\0PRIORITY=x", 21, NULL, 0);
    wrote(pid, "info: |info: a|info: b|");
}

static void test_descriptors_that_nobody_asked_for(void **state)
{
    int ends[2], many[8];
    pid_t pid = start();
    char byte = 'x';

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    for (size_t i = 0; i < ARRAY_SIZE(many); i++)
        many[i] = ends[1];
    worker_sends("MESSAGE=many\0PRIORITY=6", 24, many, ARRAY_SIZE(many));
    worker_sends("MESSAGE=none can be written\0PRIORITY=6", 39, (const int[]){ends[0]}, 1);
    /* A pipe that is full must not make the scribe wait. */
    fd_set_nonblocking(ends[1], true);
    while (write(ends[1], &byte, 1) == 1)
        ;
    fd_set_nonblocking(ends[1], false);
    worker_sends("MESSAGE=full\0PRIORITY=6", 24, (const int[]){ends[1]}, 1);
    assert_int_equal(store("good"), 0);
    /* It keeps none of them open: with ours closed, the pipe ends. */
    close(ends[1]);
    fd_set_nonblocking(ends[0], false);
    while (read(ends[0], &byte, 1) == 1)
        ;
    close(ends[0]);
    wrote(pid, "info: many|info: none can be written|info: full|info: good|");
}

static void test_empty_packet_is_no_end(void **state)
{
    pid_t pid = start();

    (void)state;
    worker_sends("", 0, NULL, 0);
    assert_int_equal(store("good"), 0);
    wrote(pid, "info: |info: good|");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_descriptors_are_close_on_exec),
        TEST(test_writes_records_with_their_level),
        TEST(test_writes_messages_and_answers),
        TEST(test_writes_what_was_queued_before_it_came),
        TEST(test_lives_as_long_as_anyone_may_send),
        TEST(test_outlives_the_signals_of_a_terminal),
        TEST(test_sink_that_fails_is_answered),
        TEST(test_line_that_is_cut),
        TEST(test_sink_that_is_gone),
        TEST(test_garbage_is_harmless),
        TEST(test_descriptors_that_nobody_asked_for),
        TEST(test_no_priority_is_no_emergency),
        TEST(test_empty_packet_is_no_end),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
