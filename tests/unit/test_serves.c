/*
 * listener_serves(): whether a passed descriptor matches a listener.
 */
#include "base/macros.h"
#include "net/listener.h"

#include "unit.h"

static bool serves(int fd, const struct address *address, int type)
{
    struct socket_facts facts = listener_examine(fd);

    return listener_serves(&facts, address, type);
}

static char reason[NET_REASON_MAX];

static struct address numeric(const char *host, uint16_t port)
{
    struct address a;

    assert_int_equal(address_numeric(&a, host, port), 0);
    return a;
}

static int opens(const struct address *address)
{
    int fd = listener_open(address, SOCK_STREAM, 0666, reason);

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
    assert_true(serves(fd, &own, SOCK_STREAM));
    assert_true(serves(unix_fd, &name, SOCK_STREAM));
    other = own;
    address_set_port(&other, (uint16_t)(address_port(&own) ^ 1));
    assert_false(serves(fd, &other, SOCK_STREAM));
    other = numeric("127.0.0.2", address_port(&own));
    assert_false(serves(fd, &other, SOCK_STREAM));
    other = numeric("0.0.0.0", address_port(&own));
    assert_false(serves(fd, &other, SOCK_STREAM));
    assert_false(serves(fd, &name, SOCK_STREAM));
    close(fd);
    close(unix_fd);
    assert_false(serves(fd, &own, SOCK_STREAM));
    /* Connected, not listening. */
    tcp_pair(pair);
    address_local(&own, pair[0]);
    assert_false(serves(pair[0], &own, SOCK_STREAM));
    close(pair[0]);
    close(pair[1]);
}

static void test_types_are_distinguished(void **state)
{
    struct address own = numeric("127.0.0.1", 0), peer;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(fd, &own.sa, own.len), 0);
    address_local(&own, fd);
    assert_int_equal(listener_type(fd), SOCK_DGRAM);
    assert_false(serves(fd, &own, SOCK_STREAM));
    assert_true(serves(fd, &own, SOCK_DGRAM));
    /* Connected, so it receives from one peer only. */
    peer = own;
    assert_int_equal(connect(fd, &peer.sa, peer.len), 0);
    assert_false(serves(fd, &own, SOCK_DGRAM));
    close(fd);
    assert_int_equal(listener_type(fd), -1);
}

static void test_unix_types_are_distinguished(void **state)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    struct address name;
    char text[64];

    (void)state;
    snprintf(text, sizeof(text), "@echod-unit-types-%d", (int)getpid());
    assert_int_equal(address_unix(&name, text), 0);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        int fd = listener_open(&name, types[i], 0, reason); /* each type has its own names */
        assert_true(fd >= 0);
        for (size_t j = 0; j < ARRAY_SIZE(types); j++)
            assert_int_equal(serves(fd, &name, types[j]), i == j);
        close(fd);
    }
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
    assert_true(serves(fd, &own, SOCK_STREAM));
    assert_int_equal(serves(fd, &any, SOCK_STREAM), !only);
    assert_false(serves(fd, &loopback, SOCK_STREAM));
    address_set_port(&any, (uint16_t)(address_port(&own) ^ 1));
    assert_false(serves(fd, &any, SOCK_STREAM));
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
        cmocka_unit_test(test_types_are_distinguished),
        cmocka_unit_test(test_unix_types_are_distinguished),
        cmocka_unit_test(test_dual_stack_listener_serves_ipv4_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
