#include "worker/datagram_rules.h"

#include "unit.h"

static uint16_t own_ports[] = {7777, 40000};
static const struct ports own = {.item = own_ports, .count = ARRAY_SIZE(own_ports)};

static enum datagram_counter judged(const char *source, uint16_t port, const char *to, bool unicast)
{
    struct address a, b = {.len = 0};

    assert_int_equal(address_numeric(&a, source, port), 0);
    if (to)
        assert_int_equal(address_numeric(&b, to, 7777), 0);
    return datagram_judge(&own, &a, &b, unicast);
}

static void test_a_client_is_answered(void **state)
{
    (void)state;
    assert_int_equal(judged("192.0.2.1", 1024, "192.0.2.7", true), DATAGRAM_COUNTERS);
    assert_int_equal(judged("192.0.2.255", 65535, "10.0.0.255", true), DATAGRAM_COUNTERS);
    assert_int_equal(judged("2001:db8::1", 50000, "2001:db8::7", true), DATAGRAM_COUNTERS);
    assert_int_equal(judged("fe80::1", 50000, "fe80::7", true), DATAGRAM_COUNTERS);
    assert_int_equal(judged("192.0.2.1", 50000, NULL, true), DATAGRAM_COUNTERS);
}

static void test_low_ports(void **state)
{
    static const uint16_t low[] = {0, 7, 19, 53, 123, 1023};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(low); i++) {
        assert_int_equal(judged("192.0.2.1", low[i], "192.0.2.7", true), COUNTER_LOW_PORT);
        assert_int_equal(judged("2001:db8::1", low[i], "2001:db8::7", true), COUNTER_LOW_PORT);
    }
}

/* Whatever the address, since the other end of a loop may be on any host. */
static void test_own_ports(void **state)
{
    static const struct ports none = {.count = 0};
    struct address a;

    (void)state;
    for (size_t i = 0; i < own.count; i++) {
        assert_int_equal(judged("127.0.0.1", own_ports[i], "127.0.0.1", true), COUNTER_OWN_PORT);
        assert_int_equal(judged("198.51.100.9", own_ports[i], "192.0.2.7", true), COUNTER_OWN_PORT);
        assert_int_equal(judged("2001:db8::1", own_ports[i], "2001:db8::7", true),
                         COUNTER_OWN_PORT);
        assert_int_equal(judged("127.0.0.1", (uint16_t)(own_ports[i] + 1), "127.0.0.1", true),
                         DATAGRAM_COUNTERS);
    }
    assert_int_equal(address_numeric(&a, "192.0.2.1", 7777), 0);
    assert_int_equal(datagram_judge(&none, &a, &a, true), DATAGRAM_COUNTERS);
}

static void test_one_host_to_one_host(void **state)
{
    static const char *const many[] = {"224.0.0.1", "239.255.255.255", "240.0.0.1",
                                       "0.0.0.0",   "255.255.255.255", "0.1.2.3",
                                       "ff02::1",   "ff0e::123",       "::"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        assert_int_equal(judged(many[i], 50000, "192.0.2.7", true), COUNTER_NOT_UNICAST);
        assert_int_equal(judged("192.0.2.1", 50000, many[i], true), COUNTER_NOT_UNICAST);
    }
    /* Only the kernel knows that this is a broadcast address. */
    assert_int_equal(judged("192.0.2.1", 50000, "192.0.2.255", false), COUNTER_NOT_UNICAST);
}

static void test_every_reason_has_a_clause(void **state)
{
    (void)state;
    for (enum datagram_counter t = COUNTER_IN; t < DATAGRAM_COUNTERS; t++)
        assert_int_equal(datagram_counter_clause(t) != NULL, t >= COUNTER_FIRST_UNANSWERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_is_answered),
        cmocka_unit_test(test_low_ports),
        cmocka_unit_test(test_own_ports),
        cmocka_unit_test(test_one_host_to_one_host),
        cmocka_unit_test(test_every_reason_has_a_clause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
