/*
 * The queue of reports.
 */
#include "base/macros.h"
#include "forkserver/outbox.h"

#include "base/clock.h"
#include "ipc/channel.h"

#include "unit.h"

#define WAIT (3 * USEC_PER_MSEC)

static int ends[2];
static struct outbox outbox;

static int setup(void **state)
{
    (void)state;
    if (channel_open(ends) < 0)
        return -1;
    outbox = (struct outbox){.channel = ends[0]};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    return 0;
}

static void add(enum report_kind kind, uint64_t job)
{
    const struct report report = {.kind = kind, .job = job};

    assert_true(outbox_has_room(&outbox));
    outbox_add(&outbox, &report);
}

/* Checks that the next message has COUNT reports of jobs from FIRST on. */
static void has(size_t count, uint64_t first)
{
    struct report list[REPORTS_MAX];
    char buf[REPORTS_SIZE];
    int fds[CHANNEL_FDS];
    size_t passed;

    ssize_t n = channel_receive(ends[1], buf, sizeof(buf), fds, &passed);
    assert_true(n > 0);
    assert_int_equal(reports_decode(list, buf, (size_t)n), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(list[i].job, first + i);
}

static void has_nothing(void)
{
    char byte;

    assert_int_equal(recv(ends[1], &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void test_nothing_to_send(void **state)
{
    (void)state;
    assert_true(outbox_has_room(&outbox));
    assert_false(outbox.urgent);
    assert_int_equal(outbox_flush(&outbox), 0);
    has_nothing();
}

static void test_many_in_one_message(void **state)
{
    (void)state;
    for (uint64_t job = 1; job <= REPORTS_MAX; job++)
        add(REPORT_STARTED, job);
    assert_false(outbox_has_room(&outbox));
    has_nothing();
    assert_int_equal(outbox_flush(&outbox), 0);
    assert_true(outbox_has_room(&outbox));
    has(REPORTS_MAX, 1);
    has_nothing();
}

static void test_only_a_start_may_wait(void **state)
{
    static const struct report urgent[] = {
        {.kind = REPORT_PROTECTION, .job = 2}, {.kind = REPORT_READY, .job = 2},
        {.kind = REPORT_FAILED, .job = 2},     {.kind = REPORT_HELD, .job = 2},
        {.kind = REPORT_ENDED, .job = 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(urgent); i++) {
        add(REPORT_STARTED, 1);
        assert_false(outbox.urgent);
        outbox_add(&outbox, &urgent[i]);
        assert_true(outbox.urgent);
        add(REPORT_STARTED, 3); /* does not make it less urgent */
        assert_true(outbox.urgent);
        assert_int_equal(outbox_flush(&outbox), 0);
        assert_false(outbox.urgent);
        has(3, 1);
    }
}

static void test_records_become_overdue(void **state)
{
    uint64_t start = clock_now();

    (void)state;
    add(REPORT_STARTED, 1);
    while (!outbox_is_overdue(&outbox))
        continue;
    assert_true(clock_now() >= start + OUTBOX_MSEC * USEC_PER_MSEC);
}

/* Makes the duration in the session record exact. */
static void test_an_end_has_its_wait(void **state)
{
    struct report list[REPORTS_MAX];
    char buf[REPORTS_SIZE];
    int fds[CHANNEL_FDS];
    size_t passed;

    (void)state;
    uint64_t start = clock_now();
    add(REPORT_ENDED, 1);
    uint64_t added = clock_now();
    while (clock_now() < added + WAIT)
        continue;
    assert_int_equal(outbox_flush(&outbox), 0);
    uint64_t longest = clock_now() - start;
    ssize_t n = channel_receive(ends[1], buf, sizeof(buf), fds, &passed);
    assert_int_equal(reports_decode(list, buf, (size_t)n), 1);
    assert_in_range(list[0].waited, WAIT, longest);
}

/* A busy daemon gets them later, in order. */
static void test_no_room(void **state)
{
    uint64_t job = 1, sent;
    int r;

    (void)state;
    do {
        for (int i = 0; i < REPORTS_MAX; i++)
            add(REPORT_ENDED, job++);
        assert_true(job < 10000000);
        r = outbox_flush(&outbox);
    } while (r == 0);
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(outbox.count, REPORTS_MAX);
    assert_true(outbox_is_overdue(&outbox));
    has(REPORTS_MAX, 1);
    assert_int_equal(outbox_flush(&outbox), 0);
    for (sent = 1 + REPORTS_MAX; sent < job; sent += REPORTS_MAX)
        has(REPORTS_MAX, sent);
    has_nothing();
}

static void test_daemon_is_gone(void **state)
{
    (void)state;
    fd_close(&ends[1]);
    add(REPORT_ENDED, 1);
    assert_int_equal(outbox_flush(&outbox), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_to_send),       TEST(test_many_in_one_message),
        TEST(test_only_a_start_may_wait), TEST(test_records_become_overdue),
        TEST(test_an_end_has_its_wait),   TEST(test_no_room),
        TEST(test_daemon_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
