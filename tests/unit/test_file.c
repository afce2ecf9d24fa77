/*
 * file_open(): regular files only, without waiting.
 */
#include "base/file.h"

#include "base/macros.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/un.h>

static int try(const char *path, int flags)
{
    int fd = file_open(path, flags, 0600);

    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}

static void test_regular_files(void **state)
{
    (void)state;
    write_file("file", "text", 4);
    assert_int_equal(symlink("file", "link"), 0);
    assert_int_equal(symlink("none", "dangling"), 0);
    assert_int_equal(try("file", O_RDONLY), 0);
    assert_int_equal(try("link", O_RDONLY), 0);
    assert_int_equal(try("link", O_RDONLY | O_NOFOLLOW), -ELOOP);
    assert_int_equal(try("dangling", O_RDONLY), -ENOENT);
    assert_int_equal(try("none", O_RDONLY), -ENOENT);
    assert_int_equal(try("none/none", O_RDONLY), -ENOENT);
    assert_int_equal(try("file/none", O_RDONLY), -ENOTDIR);
    assert_int_equal(try("new", O_RDWR | O_CREAT), 0);
    int fd = file_open("file", O_RDWR | O_TRUNC, 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    close(fd);
}

/* Opening the FIFO would block forever; each file is tried for reading and writing. */
static void test_what_is_no_regular_file(void **state)
{
    static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_CREAT | O_TRUNC};
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(symlink("fifo", "link-to-fifo"), 0);
    assert_int_equal(symlink("/dev/zero", "link-to-device"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        assert_int_equal(try("fifo", flags[i]), -EINVAL);
        assert_int_equal(try("link-to-fifo", flags[i]), -EINVAL);
        assert_int_equal(try("link-to-device", flags[i]), -EINVAL);
        assert_int_equal(try("/dev/full", flags[i]), -EINVAL);
        assert_int_equal(try("socket", flags[i]), -EINVAL);
        assert_int_equal(try(".", flags[i]), -EISDIR);
    }
    assert_string_equal(file_error(EINVAL), "it is not a regular file");
    assert_string_equal(file_error(ENOENT), strerror(ENOENT));
    close(fd);
}

static void test_descriptors_and_masks(void **state)
{
    (void)state;
    assert_true(file_is_descriptor("/dev/stdin"));
    assert_true(file_is_descriptor("/dev/fd/63"));
    assert_true(file_is_descriptor("/proc/self/fd/0"));
    assert_false(file_is_descriptor("/dev/stdin.conf"));
    assert_false(file_is_descriptor("/etc/echod/echod.conf"));
    assert_int_equal(symlink("/dev/null", "masked"), 0);
    assert_true(file_is_masked("masked"));
    assert_true(file_is_masked("/dev/null"));
    assert_false(file_is_masked("/dev/zero"));
    assert_false(file_is_masked("not there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regular_files),
        cmocka_unit_test(test_what_is_no_regular_file),
        cmocka_unit_test(test_descriptors_and_masks),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
