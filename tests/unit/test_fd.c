#include "base/fd.h"

#include "base/macros.h"

#include "unit.h"

#include <fcntl.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void test_fd_close(void **state)
{
    int fd = dup(0), none = -1, closed = fd;

    (void)state;
    errno = EXDEV;
    fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_false(is_open(closed));
    errno = EXDEV;
    fd_close(&none);
    assert_int_equal(none, -1);
    fd = closed; /* fails, but errno is preserved */
    fd_close(&fd);
    assert_int_equal(errno, EXDEV);
}

#define BULK ((size_t)1000000)

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i % 251);
}

/* Reads BULK bytes and the end of FD in small pieces; exits with 0 if they are right. */
static NORETURN void slow_reader(int fd)
{
    unsigned char buf[777];
    size_t total = 0;
    ssize_t n;

    while ((n = read(fd, buf, sizeof(buf))) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != pattern(total++))
                _exit(1);
    _exit(n < 0 || total != BULK);
}

static void writes_all(bool nonblocking)
{
    static unsigned char data[BULK];
    int ends[2];

    for (size_t i = 0; i < BULK; i++)
        data[i] = pattern(i);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    assert_int_equal(fd_set_nonblocking(ends[1], nonblocking), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        slow_reader(ends[0]);
    }
    close(ends[0]);
    assert_int_equal(fd_write_all(ends[1], data, BULK), 0);
    close(ends[1]);
    assert_int_equal(child_end(pid), 0);
}

static void test_fd_write_all_waits_for_a_slow_reader(void **state)
{
    (void)state;
    writes_all(false);
    writes_all(true);
}

static void test_fd_write_all_returns_errors(void **state)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(fd_write_all(full, "x", 1), -ENOSPC);
    assert_int_equal(fd_write_all(full, "", 0), 0);
    close(full);
    assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

static void test_fd_set_nonblocking(void **state)
{
    int ends[2];
    char c;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fd_set_nonblocking(ends[0], true), 0);
    assert_int_equal(read(ends[0], &c, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fd_set_nonblocking(ends[0], false), 0);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(fd_set_nonblocking(-1, true), -EBADF);
}

static void test_fd_ensure_standard(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        close(0);
        close(2);
        if (fd_ensure_standard() < 0)
            _exit(1);
        /* Opened as /dev/null, across exec(3); the one that was open is unchanged. */
        if (fcntl(0, F_GETFD) != 0 || fcntl(2, F_GETFD) != 0 || !is_open(1))
            _exit(2);
        _exit(write(2, "x", 1) == 1 && read(0, &pid, 1) == 0 ? 0 : 3);
    }
    assert_int_equal(child_end(pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fd_close),
        cmocka_unit_test(test_fd_write_all_waits_for_a_slow_reader),
        cmocka_unit_test(test_fd_write_all_returns_errors),
        cmocka_unit_test(test_fd_set_nonblocking),
        cmocka_unit_test(test_fd_ensure_standard),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
