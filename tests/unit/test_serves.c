/*
 * listener_serves(): whether a descriptor that was passed is the one that is asked for.
 */
#include "net/listener.h"

#include "unit.h"

static char reason[NET_REASON_MAX];

static struct address numeric(const char *host, uint16_t port)
{
    struct address a;

    assert_int_equal(address_numeric(&a, host, port), 0);
    return a;
}

static int opens(const struct address *address)
{
    int fd = listener_open(address, 0666, reason);

    if (fd < 0)
        fail_msg("%s", reason);
    return fd;
}

/* A listener of the abstract namespace; *NAME is its address. */
static int opens_unix(struct address *name)
{
    char text[64];

    snprintf(text, sizeof(text), "@echod-unit-serves-%d", (int)getpid());
    assert_int_equal(address_unix(name, text), 0);
    return opens(name);
}

static void test_serves(void **state)
{
    struct address asked = numeric("127.0.0.1", 0), own, other, name;
    int fd = opens(&asked), unix_fd = opens_unix(&name), pair[2];

    (void)state;
    address_local(&own, fd);
    assert_true(listener_serves(fd, &own));
    assert_true(listener_serves(unix_fd, &name));
    other = own;
    address_set_port(&other, (uint16_t)(address_port(&own) ^ 1));
    assert_false(listener_serves(fd, &other));
    other = numeric("127.0.0.2", address_port(&own));
    assert_false(listener_serves(fd, &other));
    other = numeric("0.0.0.0", address_port(&own));
    assert_false(listener_serves(fd, &other));
    assert_false(listener_serves(fd, &name));
    close(fd);
    close(unix_fd);
    assert_false(listener_serves(fd, &own));
    /* Connected, not listening. */
    tcp_pair(pair);
    address_local(&own, pair[0]);
    assert_false(listener_serves(pair[0], &own));
    close(pair[0]);
    close(pair[1]);
}

static void test_datagram_socket_does_not_serve(void **state)
{
    struct address own = numeric("127.0.0.1", 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(fd, &own.sa, own.len), 0);
    address_local(&own, fd);
    assert_false(listener_serves(fd, &own));
    close(fd);
}

/* As systemd makes them: one socket on [::] for both families. */
static void serves_any(int only)
{
    struct address own = numeric("::", 0), any, loopback;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)), 0);
    assert_int_equal(bind(fd, &own.sa, own.len), 0);
    assert_int_equal(listen(fd, 1), 0);
    address_local(&own, fd);
    any = numeric("0.0.0.0", address_port(&own));
    loopback = numeric("127.0.0.1", address_port(&own));
    assert_true(listener_serves(fd, &own));
    assert_int_equal(listener_serves(fd, &any), !only);
    assert_false(listener_serves(fd, &loopback));
    address_set_port(&any, (uint16_t)(address_port(&own) ^ 1));
    assert_false(listener_serves(fd, &any));
    close(fd);
}

static void test_dual_stack_listener_serves_ipv4_too(void **state)
{
    (void)state;
    if (!ipv6_works())
        cannot_run("this machine has no IPv6");
    serves_any(0);
    serves_any(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves),
        cmocka_unit_test(test_datagram_socket_does_not_serve),
        cmocka_unit_test(test_dual_stack_listener_serves_ipv4_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
