/*
 * The scribe and its records.
 */
#include "base/text.h"
#include "log/log.h"

#include "scribe_child.h"
#include "trap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

static struct scribe_child scribe;

static int setup(void **state)
{
    (void)state;
    scribe_child_open(&scribe, scribe_child_file());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scribe_child_dismiss(&scribe);
    fd_close(&scribe.sink);
    return 0;
}

static pid_t start(void)
{
    return scribe_child_start(&scribe, SINK_STDERR);
}

/* Waits until the other end of FD is closed. */
static void closes(int fd)
{
    struct pollfd end = {.fd = fd, .events = POLLIN};
    char buf[64];

    do
        assert_int_equal(poll(&end, 1, -1), 1);
    while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0);
}

static int store(const char *text)
{
    return store_once(&scribe, text);
}

/* Waits for the scribe PID to end, and checks that its output without times is EXPECTED. */
static void wrote(pid_t pid, const char *expected)
{
    static char buf[65536], texts[65536];
    char *rest = buf, *line;

    scribe_child_dismiss(&scribe);
    assert_int_equal(child_end(pid), 0);
    lseek(scribe.sink, 0, SEEK_SET);
    assert_true(read_to_end(scribe.sink, buf, sizeof(buf)) < (ssize_t)sizeof(buf) - 1);
    texts[0] = '\0';
    while ((line = strsep(&rest, "\n")) != NULL && *line)
        text_append(texts, sizeof(texts), "%s|", strchr(line, ' ') + 1);
    assert_string_equal(texts, expected);
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

/* In a child that is killed later: starts a scribe and passes it CONNECTION. */
NORETURN static void be_daemon(int connection)
{
    start();
    scribe_child_pass(&scribe, connection);
    close(connection);
    for (;;)
        pause();
}

/* The daemon was killed, and a worker still has to store a message. */
static void test_outlives_a_daemon_that_was_killed(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(store_open(ends), 0);
    struct store to = {.fd = ends[0]};
    pid_t daemon = fork();
    if (daemon == 0)
        be_daemon(ends[1]);
    close(ends[1]);
    fd_close(&scribe.records_in);
    fd_close(&scribe.records_out);
    assert_int_equal(store_text(&to, "it is set up", LONG_TIME), 0);
    kill(daemon, SIGKILL);
    assert_int_equal(child_end(daemon), 1000 + SIGKILL);
    assert_int_equal(store_text(&to, "still", LONG_TIME), 0);
    closes(to.fd); /* the scribe has ended, too */
    close(to.fd);
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
    fd_close(&scribe.sink);
    scribe.sink = open("/dev/full", O_WRONLY | O_CLOEXEC);
    pid_t pid = start();
    log_info(&log, "lost"); /* no process receives it */
    assert_int_equal(store("one"), -ENOSPC);
    assert_int_equal(store("two"), -ENOSPC);
    scribe_child_dismiss(&scribe);
    assert_int_equal(child_end(pid), 0);
}

/* After the disk was full, records begin on a new line. */
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
        dup2(scribe.sink, STDERR_FILENO);
        setrlimit(RLIMIT_FSIZE, &four);
        if (sink_write(SINK_STDERR, record, sizeof(record)) != -EFBIG)
            _exit(1);
        setrlimit(RLIMIT_FSIZE, &more);
        _exit(sink_write(SINK_STDERR, record, sizeof(record)) < 0 ||
              sink_write(SINK_STDERR, record, sizeof(record)) < 0);
    }
    assert_int_equal(child_end(pid), 0);
    lseek(scribe.sink, 0, SEEK_SET);
    read_to_end(scribe.sink, buf, sizeof(buf));
    assert_string_equal(buf, "now \nnow notice: text\nnow notice: text\n");
}

/* Without a reader, writing fails, but the scribe does not end. */
static void test_sink_that_is_gone(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fd_close(&scribe.sink);
    scribe.sink = ends[1];
    close(ends[0]);
    pid_t pid = start();
    assert_int_equal(store("one"), -EPIPE);
    scribe_child_dismiss(&scribe);
    assert_int_equal(child_end(pid), 0);
}

/* A hanging scribe is killed, and the next one continues with its record and the queue. */
static void test_next_scribe_continues(void **state)
{
    struct log log = {.level = LOG_INFO, .channel = scribe.records_out};
    int file = scribe.sink, full[2], ends[2];

    (void)state;
    assert_int_equal(pipe2(full, O_CLOEXEC | O_NONBLOCK), 0);
    while (write(full[1], "", 1) == 1)
        continue;
    assert_int_equal(fd_set_nonblocking(full[1], false), 0);
    assert_int_equal(store_open(ends), 0);
    struct store to = {.fd = ends[0]};
    scribe.sink = full[1];
    pid_t hanging = start();
    scribe_child_pass(&scribe, ends[1]);
    assert_int_equal(store_text(&to, "one", 10 * USEC_PER_MSEC), -ETIMEDOUT);
    log_info(&log, "two");
    kill(hanging, SIGKILL);
    assert_int_equal(child_end(hanging), 1000 + SIGKILL);
    close(full[0]);
    close(full[1]);
    scribe.sink = file;
    pid_t next = start();
    scribe_child_pass(&scribe, ends[1]);
    assert_int_equal(store_text(&to, "three", LONG_TIME), 0);
    close(ends[1]);
    close(to.fd);
    wrote(next, "info: two|info: message from one|info: message from three|");
}

/* ---- turns ---- */

/* A stopped scribe, so that several records are queued when it continues. */
static pid_t start_standing(void)
{
    pid_t pid = start();
    int status;

    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    return pid;
}

/* A worker that stores TEXT for SOURCE and has no answer yet. Returns its end. */
static int ask(uint64_t source, const char *text)
{
    static struct store_head head;
    char buf[64];
    int fd = scribe_child_connect_of(&scribe, source);

    memcpy(buf, &head, sizeof(head));
    int len = snprintf(buf + sizeof(head), sizeof(buf) - sizeof(head), "MESSAGE=%s", text);
    size_t size = sizeof(head) + (size_t)len + 1;
    assert_int_equal(send(fd, buf, size, MSG_NOSIGNAL), size);
    return fd;
}

static void is_answered(int *fd)
{
    struct store_head head;

    assert_int_equal(poll(&(struct pollfd){.fd = *fd, .events = POLLIN}, 1, -1), 1);
    assert_int_equal(recv(*fd, &head, sizeof(head), 0), sizeof(head));
    fd_close(fd);
}

/* A source with one connection waits for only one message of a source with many. */
static void test_sources_take_turns(void **state)
{
    static char expected[4096];
    pid_t pid = start_standing();
    int many[40], one;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(many); i++)
        many[i] = ask(1, "many");
    one = ask(2, "one");
    kill(pid, SIGCONT);
    expected[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(many); i++)
        text_append(expected, sizeof(expected), "info: message from many|%s",
                    i == 0 ? "info: message from one|" : "");
    for (size_t i = 0; i < ARRAY_SIZE(many); i++)
        is_answered(&many[i]);
    is_answered(&one);
    wrote(pid, expected);
}

/* The daemon's records are written first, however many messages wait. */
static void test_records_come_first(void **state)
{
    enum { RECORDS = 200, MESSAGES = 40, BETWEEN = RECORDS / 64 + 1 };
    static char buf[65536];
    struct log log = {.level = LOG_INFO, .channel = scribe.records_out};
    pid_t pid = start_standing();
    int worker[MESSAGES];
    size_t before = 0;

    (void)state;
    for (int i = 0; i < MESSAGES; i++)
        worker[i] = ask(1, "worker");
    for (int i = 0; i < RECORDS; i++)
        log_info(&log, "daemon");
    kill(pid, SIGCONT);
    scribe_child_dismiss(&scribe);
    assert_int_equal(child_end(pid), 0);
    for (int i = 0; i < MESSAGES; i++)
        close(worker[i]);
    lseek(scribe.sink, 0, SEEK_SET);
    read_to_end(scribe.sink, buf, sizeof(buf));
    const char *last = buf;
    for (int i = 0; i < RECORDS; i++)
        assert_non_null(last = strstr(last + 1, " info: daemon\n"));
    for (const char *p = buf; (p = strstr(p + 1, "from worker\n")) != NULL && p < last;)
        before++;
    assert_in_range(before, 0, BETWEEN);
}

/* ---- attacks by a worker ---- */

/* Sends DATA as a record with a header. */
static void sends(int fd, const void *data, size_t len)
{
    static char buf[sizeof(struct store_head) + STORE_RECORD_MAX];

    memcpy(buf + sizeof(struct store_head), data, len);
    size_t size = sizeof(struct store_head) + len;
    assert_int_equal(send(fd, buf, size, MSG_NOSIGNAL), size);
}

/* The same over a new connection, and waits for the answer. */
static void worker_sends(const void *data, size_t len)
{
    struct store to = {.fd = scribe_child_connect(&scribe)};
    struct store_head head;

    sends(to.fd, data, len);
    assert_int_equal(poll(&(struct pollfd){.fd = to.fd, .events = POLLIN}, 1, -1), 1);
    assert_int_equal(recv(to.fd, &head, sizeof(head), 0), sizeof(head));
    close(to.fd);
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
    assert_int_equal(store("good"), 0);
    wrote(pid, "info: message from ?|info: message from ?|info: message from a\\x0ab|"
               "info: message from ?|info: message from ?|info: message from good|");
}

/* Neither by its text nor by what stands before it does a message look like a record of the
 * daemon's, and nothing in it acts on a terminal. */
static void test_forged_records_are_recognisable(void **state)
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
    lseek(scribe.sink, 0, SEEK_SET);
    read_to_end(scribe.sink, buf, sizeof(buf));
    assert_null(strstr(buf, "2001"));
}

/* Less than a header, which needs no answer. */
static void test_what_is_no_record(void **state)
{
    static const char much[sizeof(struct store_head) + STORE_RECORD_MAX + 1];
    pid_t pid = start();
    struct store to = {.fd = scribe_child_connect(&scribe)};

    (void)state;
    assert_int_equal(send(to.fd, much, 1, 0), 1);
    assert_int_equal(send(to.fd, much, sizeof(struct store_head), 0), sizeof(struct store_head));
    assert_int_equal(send(to.fd, much, sizeof(much), 0), sizeof(much));
    assert_int_equal(store_text(&to, "good", LONG_TIME), 0);
    close(to.fd);
    wrote(pid, "info: message from good|");
}

/* Misuse of its own connection does not affect others. */
static void test_connections_are_not_shared(void **state)
{
    pid_t pid = start();
    int fd = scribe_child_connect(&scribe);

    (void)state;
    shutdown(fd, SHUT_RDWR);
    assert_int_equal(store("good"), 0);
    close(fd);
    wrote(pid, "info: message from good|");
}

static void test_many_that_send_nothing(void **state)
{
    pid_t pid = start();
    int silent[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
        silent[i] = scribe_child_connect(&scribe);
    assert_int_equal(store("good"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
        close(silent[i]);
    wrote(pid, "info: message from good|");
}

/* The scribe does not wait for a worker that reads no answers, but stores its records. */
static void test_answers_that_nobody_reads(void **state)
{
    enum { MANY = 5000 };
    static char buf[MANY * 64];
    pid_t pid = start();
    int fd = scribe_child_connect(&scribe);
    size_t count = 0;

    (void)state;
    assert_int_equal(fd_set_nonblocking(fd, false), 0);
    for (int i = 0; i < MANY; i++)
        sends(fd, "MESSAGE=x", 10);
    close(fd);
    assert_int_equal(store("good"), 0);
    scribe_child_dismiss(&scribe);
    assert_int_equal(child_end(pid), 0);
    lseek(scribe.sink, 0, SEEK_SET);
    read_to_end(scribe.sink, buf, sizeof(buf));
    for (const char *p = buf; (p = strstr(p, ": message from x\n")) != NULL; p++)
        count++;
    assert_int_equal(count, MANY);
}

static void test_passed_descriptors_do_not_make_it_wait(void **state)
{
    static const char evil[sizeof(struct store_head) + 8] = "\1\0\0\0\0\0\0\0MESSAGE";
    pid_t pid = start();
    struct trap trap = trap_make();
    int ends[2];

    (void)state;
    assert_int_equal(store_open(ends), 0);
    trap_permit(ends[1]);
    assert_int_equal(trap_pass_bytes(&trap, ends[0], evil, sizeof(evil)), sizeof(evil));
    scribe_child_pass(&scribe, ends[1]);
    close(ends[1]);
    assert_int_equal(poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, -1), 1);
    close(ends[0]);
    assert_int_equal(store("good"), 0);
    trap_remove(&trap);
    scribe_child_dismiss(&scribe);
    assert_int_equal(child_end(pid), 0);
}

/* The kernel refuses them if it can. */
static void test_passed_descriptors_are_refused(void **state)
{
    struct trap trap = trap_make();
    int ends[2];

    (void)state;
    assert_int_equal(store_open(ends), 0);
    if (passed_fds_refuse(ends[1]))
        assert_int_equal(trap_pass(&trap, ends[0], "record"), -1);
    close(ends[0]);
    close(ends[1]);
    trap_remove(&trap);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_writes_records_with_their_level),
        TEST(test_writes_messages_and_answers),
        TEST(test_writes_what_was_queued_before_it_came),
        TEST(test_outlives_a_daemon_that_was_killed),
        TEST(test_outlives_the_signals_of_a_terminal),
        TEST(test_sink_that_fails_is_answered),
        TEST(test_line_that_is_cut),
        TEST(test_sink_that_is_gone),
        TEST(test_next_scribe_continues),
        TEST(test_sources_take_turns),
        TEST(test_records_come_first),
        TEST(test_garbage_is_harmless),
        TEST(test_forged_records_are_recognisable),
        TEST(test_what_is_no_record),
        TEST(test_connections_are_not_shared),
        TEST(test_many_that_send_nothing),
        TEST(test_answers_that_nobody_reads),
        TEST(test_passed_descriptors_do_not_make_it_wait),
        TEST(test_passed_descriptors_are_refused),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
