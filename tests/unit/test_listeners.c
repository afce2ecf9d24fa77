/*
 * listeners_open() in a program that takes over: one failed listener does not affect others.
 */
#include "base/exit.h"
#include "config/load.h"
#include "config/sections.h"
#include "daemon/listen/listeners.h"

#include "net/listener.h"
#include "unit.h"

static struct settings *load(const char *text)
{
    struct problems problems = {0};

    write_file("a.conf", text, strlen(text));
    struct settings *settings = settings_load("a.conf", &problems);
    assert_non_null(settings);
    problems_free(&problems);
    return settings;
}

/* Adds a socket of the listener NAME of the previous program, on a port that the kernel chooses. */
static int add_known(struct inherited *passed, const char *name)
{
    struct inherited_socket socket = {.origin = LISTENER_OPENED, .known = true};
    char reason[NET_REASON_MAX];
    struct address address;

    assert_int_equal(address_numeric(&address, "127.0.0.1", 0), 0);
    socket.fd = listener_open(&address, SOCK_STREAM, 0, reason);
    assert_true(socket.fd >= 0);
    strcpy(socket.name, name);
    inherited_add(passed, &socket);
    return socket.fd;
}

/* Returns the text of the next record at FD. */
static const char *next_record(int fd)
{
    static char data[RECORD_MAX];
    ssize_t len = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    const char *text = len > 0 ? record_get(data, (size_t)len, "MESSAGE") : NULL;

    return text ? text : "";
}

/* A network interface may disappear at any time, with its addresses. */
static void test_one_listener_costs_no_other(void **state)
{
    struct settings *settings =
        load("[listen first]\nport = 0\naddress = 127.0.0.1\n[listen gone]\naddress = ::1\n"
             "[listen last]\nport = 0\naddress = 127.0.0.1\n");
    struct inherited passed = {0};
    struct listeners listeners;
    int channel[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
    struct log log = {.level = LOG_ERR, .channel = channel[0]};
    free(settings->listens[1]->addresses.item[0]);
    settings->listens[1]->addresses.item[0] = text_copy("fe80::1%gone");
    int first = add_known(&passed, "first"), last = add_known(&passed, "last");
    assert_int_equal(listeners_open(&listeners, settings, &passed, &log, false), EXIT_UNAVAILABLE);
    assert_int_equal(listeners.count, 2);
    assert_int_equal(listeners.item[0].fd, first);
    assert_int_equal(listeners.item[1].fd, last);
    assert_string_equal(next_record(channel[1]),
                        "a.conf:5: [listen gone] address: fe80::1%gone: no "
                        "such network interface (yet)");
    assert_string_equal(next_record(channel[1]), "");
    listeners_close(&listeners, false);
    settings_free(settings);
    close(channel[0]);
    close(channel[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_listener_costs_no_other),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
