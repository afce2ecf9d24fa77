/*
 * Descriptors whose last close blocks for ten minutes, so that the watchdog would end the test.
 */
#include "base/passed_fds.h"
#include "trap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

static void test_close_does_not_wait(void **state)
{
    int pair[2];

    (void)state;
    unix_pair(pair);
    struct trap first = trap_make(), second = trap_make();
    assert_int_equal(trap_pass(&first, pair[1], "x"), 1);
    assert_int_equal(trap_pass(&second, pair[1], "y"), 1);
    passed_fds_close(&pair[0]);
    assert_int_equal(pair[0], -1);
    trap_remove(&first);
    trap_remove(&second);
    close(pair[1]);
}

/* As the daemon may have been started. */
static void test_close_does_not_wait_with_signals_blocked(void **state)
{
    sigset_t all, saved;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &saved);
    test_close_does_not_wait(state);
    sigprocmask(SIG_SETMASK, &saved, NULL);
}

static void test_receive_does_not_wait(void **state)
{
    int pair[2];
    char buf[8];

    (void)state;
    unix_pair(pair);
    assert_int_equal(passed_fds_receive(pair[0], buf, sizeof(buf)), -1);
    assert_int_equal(errno, EAGAIN);
    struct trap trap = trap_make();
    assert_int_equal(trap_pass(&trap, pair[1], "x"), 1);
    assert_int_equal(passed_fds_receive(pair[0], buf, sizeof(buf)), 1);
    assert_int_equal(buf[0], 'x');
    trap_remove(&trap);
    close(pair[0]);
    close(pair[1]);
}

static void test_close_from_does_not_wait(void **state)
{
    int pair[2];

    (void)state;
    unix_pair(pair);
    struct trap trap = trap_make();
    assert_int_equal(trap_pass(&trap, pair[1], "x"), 1);
    pid_t pid = fork();
    if (pid == 0)
        _exit(passed_fds_close_from(3, NULL, 0) < 0);
    passed_fds_close(&pair[0]); /* one of them is the last close */
    assert_int_equal(child_end(pid), 0);
    trap_remove(&trap);
    close(pair[1]);
}

static void test_leaves_no_timer(void **state)
{
    struct itimerval timer;
    int none = -1;

    (void)state;
    passed_fds_close(&none);
    assert_int_equal(getitimer(ITIMER_REAL, &timer), 0);
    assert_int_equal(timer.it_value.tv_sec + timer.it_value.tv_usec, 0);
}

static void test_kernel_refuses_descriptors(void **state)
{
    int pair[2];

    (void)state;
    unix_pair(pair);
    if (!passed_fds_refuse(pair[0]))
        cannot_run("this kernel has no SO_PASSRIGHTS");
    struct trap trap = trap_make();
    assert_int_equal(trap_pass(&trap, pair[1], "x"), -1);
    assert_int_equal(errno, EPERM);
    trap_remove(&trap);
    close(pair[0]);
    close(pair[1]);
}

static void test_refuse_fails_for_other_sockets(void **state)
{
    int pair[2];

    (void)state;
    tcp_pair(pair);
    assert_false(passed_fds_refuse(pair[0]));
    assert_false(passed_fds_refuse(-1));
    close(pair[0]);
    close(pair[1]);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* In a child with descriptors 100 to 107: returns those that FIRST and KEEP leave open,
 * as bits of the exit status, beginning at descriptor 100. */
static int left_open(int first, const int *keep, size_t count)
{
    pid_t pid = fork();

    if (pid == 0) {
        int left = 0;
        for (int fd = 100; fd < 108; fd++)
            if (dup2(STDERR_FILENO, fd) < 0)
                _exit(0xaa);
        if (passed_fds_close_from(first, keep, count) < 0)
            _exit(0x55);
        for (int fd = 100; fd < 108; fd++)
            left |= is_open(fd) << (fd - 100);
        _exit(left);
    }
    return child_end(pid);
}

static void test_passed_fds_close_from(void **state)
{
    (void)state;
    assert_int_equal(left_open(100, (int[]){104, -1, 101}, 3), 1 << 4 | 1 << 1);
    assert_int_equal(left_open(100, (int[]){100, 107, 103, 102}, 4), 1 | 1 << 7 | 1 << 3 | 1 << 2);
    assert_int_equal(left_open(100, (int[]){105, 105}, 2), 1 << 5);
    assert_int_equal(left_open(103, (int[]){101, 106}, 2), 1 | 1 << 1 | 1 << 2 | 1 << 6);
    assert_int_equal(left_open(100, (int[]){-1}, 1), 0);
    assert_int_equal(left_open(100, NULL, 0), 0);
    assert_int_equal(left_open(104, NULL, 0), 0xf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_does_not_wait),
        cmocka_unit_test(test_close_does_not_wait_with_signals_blocked),
        cmocka_unit_test(test_receive_does_not_wait),
        cmocka_unit_test(test_close_from_does_not_wait),
        cmocka_unit_test(test_leaves_no_timer),
        cmocka_unit_test(test_kernel_refuses_descriptors),
        cmocka_unit_test(test_refuse_fails_for_other_sockets),
        cmocka_unit_test(test_passed_fds_close_from),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
