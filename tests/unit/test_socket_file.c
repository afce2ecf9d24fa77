#include "base/macros.h"
#include "net/socket_file.h"

#include "unit.h"

static struct address bound(const char *path, int *fd)
{
    struct address address;

    assert_int_equal(address_unix(&address, path), 0);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, &address.sa, address.len), 0);
    return address;
}

static void test_the_very_file(void **state)
{
    char path[100];
    int first, second;

    (void)state;
    snprintf(path, sizeof(path), "%s/s", temp_dir());
    struct address address = bound(path, &first);
    struct socket_file mine = socket_file_at(&address), unknown = {0};
    assert_true(mine.inode != 0);
    assert_true(socket_file_stands(&mine, &address));
    assert_true(socket_file_stands(&unknown, &address));
    assert_int_equal(unlink(path), 0);
    assert_false(socket_file_stands(&mine, &address));
    assert_false(socket_file_stands(&unknown, &address));
    assert_int_equal(socket_file_at(&address).inode, 0);

    address = bound(path, &second);
    assert_false(socket_file_stands(&mine, &address));
    socket_file_remove(&mine, &address);
    socket_file_remove(&unknown, &address);
    assert_int_equal(access(path, F_OK), 0);
    mine = socket_file_at(&address);
    socket_file_remove(&mine, &address);
    assert_int_equal(access(path, F_OK), -1);
    close(first);
    close(second);
}

static void test_what_is_no_socket(void **state)
{
    struct socket_file unknown = {0};
    struct address address;
    char path[100];

    (void)state;
    snprintf(path, sizeof(path), "%s/file", temp_dir());
    write_file(path, "", 0);
    assert_int_equal(address_unix(&address, path), 0);
    assert_int_equal(socket_file_at(&address).inode, 0);
    assert_false(socket_file_stands(&unknown, &address));
}

static void test_addresses_that_are_no_path(void **state)
{
    struct socket_file file = {.device = 1, .inode = 1};
    struct address addresses[3] = {{0}, {.len = sizeof(sa_family_t)}};

    (void)state;
    assert_int_equal(address_numeric(&addresses[0], "192.0.2.1", 7), 0);
    addresses[1].sa.sa_family = AF_UNIX;
    assert_int_equal(address_unix(&addresses[2], "@name"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        assert_int_equal(socket_file_at(&addresses[i]).inode, 0);
        assert_true(socket_file_stands(&file, &addresses[i]));
        socket_file_remove(&file, &addresses[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_very_file),
        cmocka_unit_test(test_what_is_no_socket),
        cmocka_unit_test(test_addresses_that_are_no_path),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
