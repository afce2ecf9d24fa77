/*
 * The log records about the end of a datagram worker and its replacement.
 */
#include "daemon/datagram/datagram_log.h"

#include "ipc/channel.h"
#include "ipc/end.h"

#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#define WORKER "local (127.0.0.1:7)"

static const struct datagram_worker worker = {
    .name = "local", .address = "127.0.0.1:7", .pid = 4711, .pause = 250000};

static int ends[2];
static struct log out;
static char buf[RECORD_MAX];

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(channel_open(ends), 0);
    out = (struct log){.level = LOG_INFO, .channel = ends[0]};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static void expect_record(const char *message, const char *event)
{
    ssize_t n = recv(ends[1], buf, sizeof(buf), MSG_DONTWAIT);

    assert_true(n > 0);
    assert_string_equal(record_get(buf, (size_t)n, "MESSAGE"), message);
    if (event)
        assert_string_equal(record_get(buf, (size_t)n, "ECHOD_EVENT"), event);
    assert_int_equal(recv(ends[1], buf, sizeof(buf), MSG_DONTWAIT), -1);
}

/* A worker ends with STATUS, of wait(2), and SLOT: the record has CLAUSE. */
static void expect_end(int status, const struct slot *slot, const char *clause)
{
    char message[256];

    datagram_log_end(&out, &worker, status, slot);
    snprintf(message, sizeof(message), "the worker of " WORKER " %s; starting another one in 250ms",
             clause);
    expect_record(message, "restart");
}

static void test_ends(void **state)
{
    static const struct slot nothing, failed = {.error = ENOBUFS}, caught = {.call = SYS_ptrace};
    char clause[80];

    (void)state;
    expect_end(SIGSEGV, &nothing, "was killed by signal 11 (SIGSEGV)");
    expect_end(END_STOPPED << 8, &nothing, "was terminated by another process");
    expect_end(3 << 8, &failed, "exited with the unexpected status 3");
    snprintf(clause, sizeof(clause), "exited with the status %d: %s", END_IO, strerror(ENOBUFS));
    expect_end(END_IO << 8, &failed, clause);
    snprintf(clause, sizeof(clause), "exited with the status %d: ptrace (%d)", END_SANDBOX,
             SYS_ptrace);
    expect_end(END_SANDBOX << 8, &caught, clause);
}

static void test_which_ends_are_crashes(void **state)
{
    (void)state;
    assert_true(datagram_end_is_crash(SIGKILL));
    assert_true(datagram_end_is_crash(0));
    assert_true(datagram_end_is_crash(END_SANDBOX << 8));
    assert_false(datagram_end_is_crash(END_STOPPED << 8));
}

static void test_no_worker(void **state)
{
    (void)state;
    datagram_log_failure(&out, &worker, EAGAIN);
    expect_record("cannot fork a worker for " WORKER
                  ": Resource temporarily unavailable; retrying in 250ms",
                  NULL);
}

static void test_a_level_without_warnings(void **state)
{
    static const struct slot nothing;

    (void)state;
    out.level = LOG_ERR;
    datagram_log_end(&out, &worker, SIGKILL, &nothing);
    datagram_log_failure(&out, &worker, EAGAIN);
    assert_int_equal(recv(ends[1], buf, sizeof(buf), MSG_DONTWAIT), -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ends),
        TEST(test_which_ends_are_crashes),
        TEST(test_no_worker),
        TEST(test_a_level_without_warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
