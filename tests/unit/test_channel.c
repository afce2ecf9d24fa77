/*
 * Channels: whole messages with descriptors, without waiting.
 */
#include "ipc/channel.h"

#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>

static int ends[2];

static int setup(void **state)
{
    (void)state;
    return channel_open(ends);
}

static int teardown(void **state)
{
    (void)state;
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    return 0;
}

static int file(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* Returns the lowest free descriptor, which is the same again if none was leaked. */
static int lowest_free(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

static void test_ends(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
        assert_true(fcntl(ends[i], F_GETFL) & O_NONBLOCK);
    }
}

static void test_messages_stay_apart(void **state)
{
    char buf[16] = "";
    int fds[CHANNEL_FDS];
    size_t count = 99;

    (void)state;
    for (int i = 0; i < 2; i++) { /* both ways */
        assert_int_equal(channel_send(ends[i], "one", 3, NULL, 0), 0);
        assert_int_equal(channel_send(ends[i], "three", 5, NULL, 0), 0);
        assert_int_equal(channel_receive(ends[!i], buf, sizeof(buf), fds, &count), 3);
        assert_memory_equal(buf, "one", 3);
        assert_int_equal(count, 0);
        assert_int_equal(channel_receive(ends[!i], buf, sizeof(buf), fds, &count), 5);
        assert_memory_equal(buf, "three", 5);
        assert_int_equal(channel_receive(ends[!i], buf, sizeof(buf), fds, &count), -EAGAIN);
        assert_int_equal(count, 0);
    }
}

static void test_descriptors_come_along(void **state)
{
    int sent[CHANNEL_FDS], fds[CHANNEL_FDS];
    size_t count;
    char byte;

    (void)state;
    for (size_t i = 0; i < CHANNEL_FDS; i++)
        sent[i] = file();
    for (size_t some = 0; some <= CHANNEL_FDS; some++) {
        assert_int_equal(channel_send(ends[0], "x", 1, sent, some), 0);
        assert_int_equal(channel_receive(ends[1], &byte, 1, fds, &count), 1);
        assert_int_equal(count, some);
        for (size_t i = 0; i < count; i++) {
            assert_true(fd_same_file(fds[i], sent[i]));
            assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
            close(fds[i]);
        }
    }
    for (size_t i = 0; i < CHANNEL_FDS; i++) /* the sender keeps its own */
        assert_int_equal(close(sent[i]), 0);
}

static void test_other_end_closed(void **state)
{
    int fds[CHANNEL_FDS];
    size_t count;
    char byte;

    (void)state;
    assert_int_equal(channel_send(ends[0], "x", 1, NULL, 0), 0);
    fd_close(&ends[0]);
    assert_int_equal(channel_receive(ends[1], &byte, 1, fds, &count), 1); /* earlier data first */
    assert_int_equal(channel_receive(ends[1], &byte, 1, fds, &count), 0);
    assert_int_equal(channel_send(ends[1], "x", 1, NULL, 0), -EPIPE);
}

/* Unread data causes a reset. */
static void test_other_end_closed_with_unread_data(void **state)
{
    int fds[CHANNEL_FDS];
    size_t count;
    char byte;

    (void)state;
    assert_int_equal(channel_send(ends[0], "x", 1, NULL, 0), 0);
    fd_close(&ends[1]);
    assert_int_equal(channel_send(ends[0], "x", 1, NULL, 0), -EPIPE);
    assert_int_equal(channel_receive(ends[0], &byte, 1, fds, &count), 0);
}

/* There is room for a burst with the usual limits; beyond that, sending fails and nothing is lost.
 */
static void test_no_room(void **state)
{
    static char message[1024];
    int fds[CHANNEL_FDS], r;
    size_t sent = 0, count;

    (void)state;
    while ((r = channel_send(ends[0], message, sizeof(message), NULL, 0)) == 0) {
        assert_true(++sent < 100000);
        memcpy(message, &sent, sizeof(sent));
    }
    assert_int_equal(r, -EAGAIN);
    assert_true(sent >= 64);
    for (size_t i = 0; i < sent; i++) {
        size_t number;
        assert_int_equal(channel_receive(ends[1], message, sizeof(message), fds, &count),
                         sizeof(message));
        memcpy(&number, message, sizeof(number));
        assert_int_equal(number, i);
    }
    assert_int_equal(channel_send(ends[0], message, sizeof(message), NULL, 0), 0);
}

static void test_larger_than_a_channel(void **state)
{
    size_t size = 64 * 1024 * 1024;
    void *much = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(much, MAP_FAILED);
    assert_int_equal(channel_send(ends[0], much, size, NULL, 0), -EMSGSIZE);
    munmap(much, size);
}

/* It is lost with its descriptors, but the next one is not. */
static void test_too_long(void **state)
{
    int fds[CHANNEL_FDS], passed[2] = {file(), file()}, free_fd = lowest_free();
    size_t count = 99;
    char buf[4];

    (void)state;
    assert_int_equal(channel_send(ends[0], "12345", 5, passed, 2), 0);
    assert_int_equal(channel_send(ends[0], "1234", 4, NULL, 0), 0);
    assert_int_equal(channel_receive(ends[1], buf, sizeof(buf), fds, &count), -EPROTO);
    assert_int_equal(count, 0);
    assert_int_equal(lowest_free(), free_fd);
    assert_int_equal(channel_receive(ends[1], buf, sizeof(buf), fds, &count), 4);
    close(passed[0]);
    close(passed[1]);
}

/* Our senders never do this. */
static void send_too_many_descriptors(int fd, int given)
{
    enum { MANY = CHANNEL_FDS + 3 };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MANY * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = (char[]){"x"}, .iov_len = 1};
    const struct msghdr message = {.msg_iov = &part,
                                   .msg_iovlen = 1,
                                   .msg_control = control.bytes,
                                   .msg_controllen = sizeof(control.bytes)};

    control.align = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                     .cmsg_type = SCM_RIGHTS,
                                     .cmsg_len = CMSG_LEN(MANY * sizeof(int))};
    for (size_t i = 0; i < MANY; i++)
        memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &given, sizeof(given));
    assert_int_equal(sendmsg(fd, &message, 0), 1);
}

static void test_too_many_descriptors(void **state)
{
    int fds[CHANNEL_FDS], given = file(), free_fd = lowest_free();
    size_t count = 99;
    char byte;

    (void)state;
    send_too_many_descriptors(ends[0], given);
    assert_int_equal(channel_receive(ends[1], &byte, 1, fds, &count), -EPROTO);
    assert_int_equal(count, 0);
    assert_int_equal(lowest_free(), free_fd);
    close(given);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ends),
        TEST(test_messages_stay_apart),
        TEST(test_descriptors_come_along),
        TEST(test_other_end_closed),
        TEST(test_other_end_closed_with_unread_data),
        TEST(test_no_room),
        TEST(test_larger_than_a_channel),
        TEST(test_too_long),
        TEST(test_too_many_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
