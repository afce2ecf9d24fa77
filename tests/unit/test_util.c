#include "base/util.h"

#include "unit.h"

#include <fcntl.h>

static void test_number_parse(void **state)
{
    static const struct {
        const char *text;
        int r;
        uint64_t number;
    } cases[] = {
        {"0", 0, 0},
        {"007", 0, 7},
        {"4294967296", 0, UINT64_C(4294967296)},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"18446744073709551620", -ERANGE, 0},
        {"99999999999999999999", -ERANGE, 0},
        {"340282366920938463463374607431768211457", -ERANGE, 0}, /* 2^128 + 1 */
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {"\xd9\xa1", -EINVAL, 0}, /* an Arabic one */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t number = 42;
        assert_int_equal(number_parse(cases[i].text, &number), cases[i].r);
        assert_int_equal(number, cases[i].r == 0 ? cases[i].number : 42);
    }
}

static void test_number_scan_stops_behind_the_digits(void **state)
{
    const char *p = "12ab";
    uint64_t number = 0;

    (void)state;
    assert_int_equal(number_scan(&p, &number), 0);
    assert_int_equal(number, 12);
    assert_string_equal(p, "ab");
    assert_int_equal(number_scan(&p, &number), -EINVAL);
    assert_string_equal(p, "ab");
}

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
    fd = closed; /* which fails: errno is kept all the same */
    fd_close(&fd);
    assert_int_equal(errno, EXDEV);
}

/* In a child, whose descriptors these are: 100 to 107 are open, what FIRST and KEEP leave is told
 * as bits of the exit status, beginning at descriptor 100. */
static int left_open(int first, const int *keep, size_t count)
{
    pid_t pid = fork();

    if (pid == 0) {
        int left = 0;
        for (int fd = 100; fd < 108; fd++)
            if (dup2(STDERR_FILENO, fd) < 0)
                _exit(0xaa);
        if (fd_close_from_but(first, keep, count) < 0)
            _exit(0x55);
        for (int fd = 100; fd < 108; fd++)
            left |= is_open(fd) << (fd - 100);
        _exit(left);
    }
    return child_end(pid);
}

static void test_fd_close_from_but(void **state)
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

#define BULK ((size_t)1000000)

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i % 251);
}

/* Reads BULK bytes and the end of FD, a few at a time; ends with 0 if they are right. */
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

static void test_fd_write_all_tells_errors(void **state)
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
        /* Open, across exec(3), to /dev/null; the one that was open is as it was. */
        if (fcntl(0, F_GETFD) != 0 || fcntl(2, F_GETFD) != 0 || !is_open(1))
            _exit(2);
        _exit(write(2, "x", 1) == 1 && read(0, &pid, 1) == 0 ? 0 : 3);
    }
    assert_int_equal(child_end(pid), 0);
}

static void test_text_append_cuts(void **state)
{
    char buf[8] = "";

    (void)state;
    text_append(buf, sizeof(buf), "%s", "abc");
    assert_string_equal(buf, "abc");
    text_append(buf, sizeof(buf), "%d-%s", 12, "xyz");
    assert_string_equal(buf, "abc12-x");
    text_append(buf, sizeof(buf), "more");
    assert_string_equal(buf, "abc12-x");
    buf[6] = '!';
    buf[7] = '!'; /* not a string any more: nothing is written behind the buffer */
    text_append(buf, sizeof(buf), "more");
    assert_memory_equal(buf, "abc12-!!", 8);
}

static void test_array_append_zeroes(void **state)
{
    size_t count = 0;
    int *array = NULL;

    (void)state;
    for (int i = 0; i < 100; i++) {
        array = array_append(array, &count, sizeof(*array));
        assert_int_equal(array[i], 0);
        array[i] = i + 1;
    }
    assert_int_equal(count, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(array[i], i + 1);
    free(array);
}

static void test_text_copies(void **state)
{
    char *whole = text_copy("abc"), *part = text_copy_n("abc", 2), *more = text_copy_n("abc", 9);

    (void)state;
    assert_string_equal(whole, "abc");
    assert_string_equal(part, "ab");
    assert_string_equal(more, "abc");
    free(whole);
    free(part);
    free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_parse),
        cmocka_unit_test(test_number_scan_stops_behind_the_digits),
        cmocka_unit_test(test_fd_close),
        cmocka_unit_test(test_fd_close_from_but),
        cmocka_unit_test(test_fd_write_all_waits_for_a_slow_reader),
        cmocka_unit_test(test_fd_write_all_tells_errors),
        cmocka_unit_test(test_fd_set_nonblocking),
        cmocka_unit_test(test_fd_ensure_standard),
        cmocka_unit_test(test_text_append_cuts),
        cmocka_unit_test(test_array_append_zeroes),
        cmocka_unit_test(test_text_copies),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
