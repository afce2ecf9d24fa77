/*
 * Which fields of a worker's record reach the journal. The journal is a socket of the test's, at
 * its place in a mount namespace that only a child of the test is in.
 */
#include "log/log.h"

#include "scribe_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/un.h>

#define JOURNAL "/run/systemd/journal"

/* Makes /run this process's own. Returns whether the system allows it. */
static bool leave_the_system(void)
{
    if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return false;
    return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0 && mkdir("/run/systemd", 0755) == 0 &&
           mkdir(JOURNAL, 0755) == 0;
}

static bool may_leave_the_system(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(leave_the_system() ? 0 : EXIT_FAILURE);
    return child_end(child) == 0;
}

/* The journal's socket, or -1. */
static int open_journal(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL "/socket"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -1 : fd;
}

/* What the journal gets is written to OUT, after a line with this process's ID. */
static NORETURN void act(int out, void (*send)(const struct scribe_child *scribe))
{
    static char entry[65536];
    struct scribe_child scribe;
    char line[32];

    if (!leave_the_system())
        _exit(EXIT_FAILURE);
    int journal = open_journal();
    scribe_child_open(&scribe, STDERR_FILENO);
    scribe_child_start(&scribe, SINK_JOURNAL);
    send(&scribe);
    ssize_t n = recv(journal, entry, sizeof(entry), 0);
    int len = snprintf(line, sizeof(line), "%d\n", (int)getpid());
    _exit(n < 0 || fd_write_all(out, line, (size_t)len) < 0 ||
          fd_write_all(out, entry, (size_t)n) < 0);
}

/* The entry of the journal that SEND, in a child, makes the scribe write; *PID is that child. */
static const char *entry_of(void (*send)(const struct scribe_child *scribe), int *pid)
{
    static char buf[65536];
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0)
        act(ends[1], send);
    close(ends[1]);
    read_to_end(ends[0], buf, sizeof(buf));
    close(ends[0]);
    assert_int_equal(child_end(child), 0);
    *pid = (int)child;
    return strchr(buf, '\n'); /* each line begins after a newline */
}

static void store(const struct scribe_child *scribe, const struct record *record)
{
    struct store to = {.fd = scribe_child_connect(scribe)};

    if (store_record(&to, record, LONG_TIME) < 0)
        _exit(2);
}

static void send_forged(const struct scribe_child *scribe)
{
    char buf[RECORD_MAX];
    struct record record;

    record_start(&record, buf, sizeof(buf), LOG_EMERG, "text");
    record_add(&record, "ECHOD_TIME", "2001");
    record_add(&record, "ECHOD_PID", "%d", 1);
    record_add(&record, "_PID", "%d", 1);
    record_add(&record, "SYSLOG_IDENTIFIER", "sshd");
    record_event(&record, EVENT_CRASH);
    record_add(&record, "UNIT", "sshd.service");
    record_add(&record, "ECHOD_PEER", "192.0.2.1:4242");
    record_add(&record, "ECHOD_X", "a?UNIT=b");
    *strchr(record.data + record.used - strlen("a?UNIT=b") - 1, '?') = '\n';
    store(scribe, &record);
}

static void test_worker_sets_only_what_it_may(void **state)
{
    char expected[64];
    int pid;
    const char *entry = entry_of(send_forged, &pid);

    (void)state;
    assert_non_null(entry);
    assert_non_null(strstr(entry, "\nMESSAGE=message from text\n"));
    assert_non_null(strstr(entry, "\nPRIORITY=6\n"));
    assert_non_null(strstr(entry, "\nECHOD_PEER=192.0.2.1:4242\n"));
    assert_non_null(strstr(entry, "\nECHOD_X=a\\x0aUNIT=b\n"));
    assert_non_null(strstr(entry, "\nSYSLOG_IDENTIFIER=echod\n"));
    assert_null(strstr(entry, "sshd"));
    assert_null(strstr(entry, "\nPRIORITY=0\n"));
    assert_null(strstr(entry, "\nECHOD_TIME=2001\n"));
    assert_null(strstr(entry, "\n_PID="));
    /* It can only be a message, whatever its fields claim. */
    assert_null(strstr(entry, event_meaning(EVENT_CRASH)->id));
    assert_non_null(strstr(entry, event_meaning(EVENT_MESSAGE)->id));
    assert_non_null(strstr(entry, "\nECHOD_EVENT=message\n"));
    assert_null(strstr(entry, "\nECHOD_EVENT=crash\n"));
    assert_null(strstr(entry, "\nUNIT="));
    /* The sender as the kernel knows it, once. */
    snprintf(expected, sizeof(expected), "\nECHOD_PID=%d\n", pid);
    assert_non_null(strstr(entry, expected));
    assert_null(strstr(entry, "\nECHOD_PID=1\n"));
}

static void send_a_record(const struct scribe_child *scribe)
{
    struct log log = {.level = LOG_INFO, .channel = scribe->records_out};
    char buf[RECORD_MAX];
    struct record record;

    record_start(&record, buf, sizeof(buf), LOG_NOTICE, "from the daemon");
    record_add(&record, "ECHOD_PID", "%d", 5);
    record_add(&record, "MESSAGE_ID", "%d", 6);
    log_send(&log, &record);
}

static void test_daemon_is_trusted(void **state)
{
    int pid;
    const char *entry = entry_of(send_a_record, &pid);

    (void)state;
    assert_non_null(entry);
    assert_non_null(strstr(entry, "\nMESSAGE=from the daemon\n"));
    assert_non_null(strstr(entry, "\nPRIORITY=5\n"));
    assert_non_null(strstr(entry, "\nECHOD_PID=5\n"));
    assert_non_null(strstr(entry, "\nMESSAGE_ID=6\n"));
}

static void send_many_fields(const struct scribe_child *scribe)
{
    char buf[RECORD_MAX];
    struct record record;

    record_start(&record, buf, sizeof(buf), LOG_INFO, "text");
    for (int i = 0; i < 60; i++)
        record_add(&record, "ECHOD_X", "%d", i);
    store(scribe, &record);
}

static void test_many_fields_do_not_hide_the_sender(void **state)
{
    int pid;
    const char *entry = entry_of(send_many_fields, &pid);

    (void)state;
    assert_non_null(entry);
    assert_non_null(strstr(entry, "\nECHOD_PID="));
}

/* In a child: a journal that reads late, and what waits for it. */
static NORETURN void read_late(void)
{
    static const char record[] = "MESSAGE=text";
    char buf[256];
    int done[2];

    if (!leave_the_system() || pipe2(done, O_CLOEXEC) < 0)
        _exit(2);
    int journal = open_journal();
    if (sink_write(SINK_JOURNAL, record, sizeof(record)) < 0)
        _exit(3);
    pid_t writer = fork();
    if (writer == 0) {
        sink_drain(SINK_JOURNAL);
        _exit(write(done[1], "", 1) != 1);
    }
    struct pollfd end = {.fd = done[0], .events = POLLIN};
    if (poll(&end, 1, 100) != 0)
        _exit(4); /* it has not waited */
    if (recv(journal, buf, sizeof(buf), 0) <= 0 || recv(journal, buf, sizeof(buf), 0) != 0)
        _exit(5); /* the record, then what no record is made of */
    if (poll(&end, 1, 60000) != 1)
        _exit(6);
    _exit(child_end(writer));
}

static void test_writer_can_wait_for_the_journal(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0)
        read_late();
    assert_int_equal(child_end(child), 0);
}

/* In a child: there is no journal, and standard error is OUT. Returns what sink_write() does. */
static int write_without_journal(int out)
{
    static const char record[] = "ECHOD_TIME=now\0PRIORITY=5\0MESSAGE=text";

    if (!leave_the_system() || dup2(out, STDERR_FILENO) < 0)
        return 1;
    return sink_write(SINK_JOURNAL, record, sizeof(record));
}

static void test_journal_that_is_not_there(void **state)
{
    int file = memfd_create("stderr", MFD_CLOEXEC), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    char buf[64];

    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(-write_without_journal(file));
    assert_int_equal(child_end(child), 0);
    lseek(file, 0, SEEK_SET);
    read_to_end(file, buf, sizeof(buf));
    assert_string_equal(buf, "now notice: text\n");
    child = fork();
    if (child == 0)
        _exit(-write_without_journal(full));
    assert_int_equal(child_end(child), ENOSPC);
    close(file);
    close(full);
}

static void test_sink_is_the_journal_where_standard_error_is(void **state)
{
    int file = open("/dev/null", O_WRONLY | O_CLOEXEC), saved = dup(STDERR_FILENO);
    enum sink set, other, none, detaching;
    char stream[64];
    struct stat st;

    (void)state;
    assert_int_equal(fstat(file, &st), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    dup2(file, STDERR_FILENO);
    setenv("JOURNAL_STREAM", stream, 1);
    set = sink_choose(0);
    stream[strlen(stream) - 1] ^= 1; /* inherited, but standard error went elsewhere */
    setenv("JOURNAL_STREAM", stream, 1);
    other = sink_choose(0);
    unsetenv("JOURNAL_STREAM");
    none = sink_choose(0);
    detaching = sink_choose(1); /* no terminal */
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(file);
    assert_int_equal(set, SINK_JOURNAL);
    assert_int_equal(other, SINK_STDERR);
    assert_int_equal(none, SINK_STDERR);
    assert_int_equal(detaching, SINK_STDERR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_sets_only_what_it_may),
        cmocka_unit_test(test_daemon_is_trusted),
        cmocka_unit_test(test_sink_is_the_journal_where_standard_error_is),
        cmocka_unit_test(test_many_fields_do_not_hide_the_sender),
        cmocka_unit_test(test_journal_that_is_not_there),
        cmocka_unit_test(test_writer_can_wait_for_the_journal),
    };
    if (!may_leave_the_system())
        return puts("1..0 # SKIP the journal's place cannot be taken: no mount namespaces") < 0;
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
