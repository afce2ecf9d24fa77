/*
 * spawn() and signals: children that end are told one by one, each with its process ID.
 */
#include "daemon/spawn.h"

#include "base/span.h"
#include "daemon/signals.h"

#include "unit.h"

#include <fcntl.h>
#include <poll.h>

#define LONG (60 * USEC_PER_SEC)
#define CHILDREN 20

static struct signals signals;

static int group_setup(void **state)
{
    return signals_open(&signals) < 0 ? -1 : watchdog_setup(state);
}

static int group_teardown(void **state)
{
    (void)state;
    fd_close(&signals.fd);
    return 0;
}

static bool is_readable(int fd, int timeout)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, timeout) == 1;
}

/* A child that ends with STATUS, at once. */
static pid_t spawn_ending(int status)
{
    pid_t pid = spawn(CHILD_SIGNAL);

    if (pid == 0)
        _exit(status);
    assert_true(pid > 0);
    return pid;
}

static void test_child_is_a_process_of_its_own(void **state)
{
    int ends[2], value = 1;
    pid_t told[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = spawn(CHILD_SIGNAL);
    if (pid == 0) {
        value = 2; /* in its copy */
        told[0] = getpid();
        told[1] = getppid();
        _exit(write(ends[1], told, sizeof(told)) == sizeof(told) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], told, sizeof(told)), sizeof(told));
    assert_int_equal(told[0], pid);
    assert_int_equal(told[1], getpid());
    assert_int_equal(value, 1);
    close(ends[0]);
    close(ends[1]);
    siginfo_t info;
    assert_int_equal(signals_take(&signals, &info, LONG), CHILD_SIGNAL);
    assert_int_equal(child_end(pid), 0);
}

static void test_end_is_announced_with_its_pid(void **state)
{
    siginfo_t info = {0};
    pid_t pid = spawn_ending(7);

    (void)state;
    assert_true(is_readable(signals.fd, -1));
    assert_int_equal(signals_take(&signals, &info, LONG), CHILD_SIGNAL);
    assert_int_equal(info.si_signo, CHILD_SIGNAL);
    assert_int_equal(info.si_pid, pid);
    assert_false(is_readable(signals.fd, 0));
    assert_int_equal(child_end(pid), 7);
}

/* A standard signal would be told once for all that end at a time. */
static void test_each_of_many_is_queued(void **state)
{
    pid_t pids[CHILDREN];
    siginfo_t info;
    int hold[2];
    char c;

    (void)state;
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pids[i] = spawn(CHILD_SIGNAL);
        if (pids[i] == 0) {
            close(hold[1]);
            _exit(read(hold[0], &c, 1) == 0 ? i : 99); /* all at once */
        }
    }
    assert_int_equal(signals_take(&signals, &info, 0), 0);
    close(hold[1]);
    close(hold[0]);
    for (int taken = 0; taken < CHILDREN; taken++) {
        int i = 0;
        assert_int_equal(signals_take(&signals, &info, LONG), CHILD_SIGNAL);
        while (i < CHILDREN && pids[i] != info.si_pid)
            i++;
        assert_true(i < CHILDREN); /* each once: */
        assert_int_equal(child_end(pids[i]), i);
        pids[i] = 0;
    }
    assert_int_equal(signals_take(&signals, &info, 0), 0);
}

static void test_killed_child(void **state)
{
    siginfo_t info = {0};
    pid_t pid = spawn(CHILD_SIGNAL);

    (void)state;
    if (pid == 0)
        for (;;)
            pause();
    kill(pid, SIGKILL);
    assert_int_equal(signals_take(&signals, &info, LONG), CHILD_SIGNAL);
    assert_int_equal(info.si_pid, pid);
    assert_int_equal(child_end(pid), 1000 + SIGKILL);
}

/* Without __WALL, waitpid(2) does not know a child that is announced by another signal. */
static void test_needs_wall(void **state)
{
    siginfo_t info;
    pid_t pid = spawn_ending(0);

    (void)state;
    assert_int_equal(signals_take(&signals, &info, LONG), CHILD_SIGNAL);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(child_end(pid), 0);
}

static void test_ordinary_fork_is_told_by_sigchld(void **state)
{
    siginfo_t info = {0};
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(0);
    assert_int_equal(signals_take(&signals, &info, LONG), SIGCHLD);
    assert_int_equal(info.si_pid, pid);
    assert_int_equal(child_end(pid), 0);
}

static void test_signals_stay_pending_until_taken(void **state)
{
    static const int handled[] = {SIGTERM, SIGINT, SIGHUP};
    siginfo_t info;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(handled); i++) {
        kill(getpid(), handled[i]);
        assert_true(is_readable(signals.fd, 0));
        assert_int_equal(signals_take(&signals, &info, 0), handled[i]);
        assert_int_equal(info.si_pid, getpid());
    }
    assert_int_equal(signals_take(&signals, &info, 0), 0);
}

static void test_take_waits_no_longer_than_told(void **state)
{
    siginfo_t info;
    uint64_t before = clock_now();

    (void)state;
    assert_int_equal(signals_take(&signals, &info, 5 * USEC_PER_MSEC), 0);
    assert_true(clock_now() - before >= 5 * USEC_PER_MSEC);
}

static void test_sigpipe_is_ignored(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child_is_a_process_of_its_own),
        cmocka_unit_test(test_end_is_announced_with_its_pid),
        cmocka_unit_test(test_each_of_many_is_queued),
        cmocka_unit_test(test_killed_child),
        cmocka_unit_test(test_needs_wall),
        cmocka_unit_test(test_ordinary_fork_is_told_by_sigchld),
        cmocka_unit_test(test_signals_stay_pending_until_taken),
        cmocka_unit_test(test_take_waits_no_longer_than_told),
        cmocka_unit_test(test_sigpipe_is_ignored),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
