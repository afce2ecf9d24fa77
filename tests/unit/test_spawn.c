/*
 * spawn(), of workers that end: each is announced with its process ID. And the signals of the
 * daemon, whose children are few, and forked by fork(2).
 */
#include "base/clock.h"
#include "base/macros.h"
#include "forkserver/spawn.h"

#include "daemon/process/signals.h"

#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#define LONG (60 * USEC_PER_SEC)
#define CHILDREN 20

static struct signals signals;
static sigset_t ended; /* SPAWN_SIGNAL */

static int group_setup(void **state)
{
    sigemptyset(&ended);
    sigaddset(&ended, SPAWN_SIGNAL);
    sigprocmask(SIG_BLOCK, &ended, NULL);
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

/* The process whose end is announced; 0: of none, within TIMEOUT microseconds. */
static pid_t announced(uint64_t timeout)
{
    const struct timespec wait = {.tv_sec = (time_t)(timeout / USEC_PER_SEC)};
    siginfo_t info = {0};

    return sigtimedwait(&ended, &info, &wait) == SPAWN_SIGNAL ? info.si_pid : 0;
}

/* A child that ends with STATUS, at once. */
static pid_t spawn_ending(int status)
{
    int pid_written;
    pid_t pid = spawn(&pid_written);

    if (pid == 0)
        _exit(status);
    assert_true(pid > 0);
    return pid;
}

static void test_child_is_a_process_of_its_own(void **state)
{
    int ends[2], value = 1, written = 0;
    pid_t pids[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = spawn(&written);
    if (pid == 0) {
        value = 2; /* in its copy */
        pids[0] = getpid();
        pids[1] = getppid();
        _exit(write(ends[1], pids, sizeof(pids)) == sizeof(pids) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], pids, sizeof(pids)), sizeof(pids));
    assert_int_equal(pids[0], pid);
    assert_int_equal(pids[1], getpid());
    assert_int_equal(value, 1);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(announced(LONG), pid);
    assert_int_equal(child_end(pid), 0);
}

/* So that the daemon finds it in the slot even if the fork server is killed right then. */
static void test_pid_is_there_before_the_child_runs(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        int *written =
            mmap(NULL, sizeof(*written), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(written, MAP_FAILED);
        pid_t pid = spawn(written);
        if (pid == 0)
            _exit(*written == getpid() ? 0 : 1);
        assert_int_equal(*written, pid);
        assert_int_equal(announced(LONG), pid);
        assert_int_equal(child_end(pid), 0);
        munmap(written, sizeof(*written));
    }
}

static void test_end_is_announced_with_its_pid(void **state)
{
    pid_t pid = spawn_ending(7);
    siginfo_t info;

    (void)state;
    assert_int_equal(announced(LONG), pid);
    assert_int_equal(announced(0), 0);
    assert_int_equal(signals_take(&signals, &info, 0), 0); /* and by nothing else */
    assert_int_equal(child_end(pid), 7);
}

/* A standard signal would be delivered once for all that end at a time. */
static void test_each_of_many_is_queued(void **state)
{
    pid_t pids[CHILDREN];
    int hold[2], written;
    char c;

    (void)state;
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pids[i] = spawn(&written);
        if (pids[i] == 0) {
            close(hold[1]);
            _exit(read(hold[0], &c, 1) == 0 ? i : 99); /* all at once */
        }
    }
    assert_int_equal(announced(0), 0);
    close(hold[1]);
    close(hold[0]);
    for (int taken = 0; taken < CHILDREN; taken++) {
        int i = 0;
        pid_t pid = announced(LONG);
        while (i < CHILDREN && pids[i] != pid)
            i++;
        assert_true(i < CHILDREN); /* each once: */
        assert_int_equal(child_end(pids[i]), i);
        pids[i] = 0;
    }
    assert_int_equal(announced(0), 0);
}

static void test_killed_child(void **state)
{
    int written;
    pid_t pid = spawn(&written);

    (void)state;
    if (pid == 0)
        for (;;)
            pause();
    kill(pid, SIGKILL);
    assert_int_equal(announced(LONG), pid);
    assert_int_equal(child_end(pid), 1000 + SIGKILL);
}

/* Without __WALL, waitpid(2) does not know a child that is announced by another signal. */
static void test_needs_wall(void **state)
{
    pid_t pid = spawn_ending(0);

    (void)state;
    assert_int_equal(announced(LONG), pid);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(child_end(pid), 0);
}

/* ---- a child and its parent ---- */

/* In a child that spawns another one, which has a signal for its parent's end: that ends. */
NORETURN static void end_before_it(void)
{
    pid_t parent = getpid();
    int ready[2], written;
    char c;

    if (pipe2(ready, O_CLOEXEC) < 0 || spawn(&written) < 0)
        _exit(1);
    if (getpid() != parent) {
        if (!spawn_bind(parent, SIGKILL) || write(ready[1], "", 1) != 1)
            _exit(2);
        for (;;)
            pause();
    }
    _exit(read(ready[0], &c, 1) == 1 ? 0 : 3);
}

static void test_child_ends_with_its_parent(void **state)
{
    int alive[2];
    siginfo_t info;
    char c;

    (void)state;
    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0)
        end_before_it();
    close(alive[1]);
    assert_int_equal(signals_take(&signals, &info, LONG), SIGCHLD);
    assert_int_equal(child_end(parent), 0);
    assert_int_equal(read(alive[0], &c, 1), 0); /* nobody holds the other end */
    close(alive[0]);
}

static void test_parent_that_is_gone_is_noticed(void **state)
{
    int written;
    pid_t pid = spawn(&written);

    (void)state;
    if (pid == 0)
        _exit(spawn_bind(getppid() + 1, SIGKILL) ? 1 : spawn_bind(getppid(), SIGKILL) ? 0 : 2);
    assert_int_equal(announced(LONG), pid);
    assert_int_equal(child_end(pid), 0);
}

/* ---- the daemon's signals ---- */

static void test_ordinary_fork_is_reported_by_sigchld(void **state)
{
    siginfo_t info = {0};
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(0);
    assert_true(is_readable(signals.fd, -1));
    assert_int_equal(signals_take(&signals, &info, LONG), SIGCHLD);
    assert_int_equal(info.si_pid, pid);
    assert_false(is_readable(signals.fd, 0));
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

static void test_take_respects_its_timeout(void **state)
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
        cmocka_unit_test(test_pid_is_there_before_the_child_runs),
        cmocka_unit_test(test_end_is_announced_with_its_pid),
        cmocka_unit_test(test_each_of_many_is_queued),
        cmocka_unit_test(test_killed_child),
        cmocka_unit_test(test_needs_wall),
        cmocka_unit_test(test_child_ends_with_its_parent),
        cmocka_unit_test(test_parent_that_is_gone_is_noticed),
        cmocka_unit_test(test_ordinary_fork_is_reported_by_sigchld),
        cmocka_unit_test(test_signals_stay_pending_until_taken),
        cmocka_unit_test(test_take_respects_its_timeout),
        cmocka_unit_test(test_sigpipe_is_ignored),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
