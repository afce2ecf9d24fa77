/*
 * What the kernel knows of a connection, and what is believed of a worker that reports it.
 */
#include "net/tcp_stats.h"

#include "base/macros.h"

#include "unit.h"

static void test_a_connection(void **state)
{
    struct tcp_stats stats;
    char byte;
    int pair[2];

    (void)state;
    tcp_pair(pair);
    assert_int_equal(send(pair[0], "x", 1, 0), 1);
    assert_int_equal(recv(pair[1], &byte, 1, 0), 1);
    for (int i = 0; i < 2; i++) {
        assert_true(tcp_stats_get(&stats, pair[0]));
        assert_int_equal(stats.known, 1);
        assert_true(stats.rtt < 60 * 1000 * 1000 && stats.min_rtt <= 60 * 1000 * 1000);
        assert_int_equal(stats.retransmits, 0);
        close(pair[1]); /* closed by its client it is still known */
    }
    close(pair[0]);
}

static void test_others_have_nothing(void **state)
{
    static const struct tcp_stats none;
    struct tcp_stats stats = {.known = 1, .rtt = 5};
    int pair[2];

    (void)state;
    unix_pair(pair);
    assert_false(tcp_stats_get(&stats, pair[0]));
    assert_memory_equal(&stats, &none, sizeof(none));
    stats.known = 1;
    assert_false(tcp_stats_get(&stats, -1));
    assert_memory_equal(&stats, &none, sizeof(none));
    close(pair[0]);
    close(pair[1]);
}

/* A worker that was taken over may write anything. */
static void test_impossible_values_are_ignored(void **state)
{
    static const struct tcp_stats none,
        wrong[] = {
            {.known = 0, .rtt = 5},
            {.known = 2, .rtt = 5},
            {.known = 1, .rtt = UINT32_MAX},
            {.known = 1, .rttvar = UINT32_MAX},
            {.known = 1, .min_rtt = UINT32_MAX},
            {.known = 1, .busy = 5, .rwnd_limited = 6},
            {.known = 1, .busy = 5, .sndbuf_limited = 6},
            {.known = 1, .busy = 5, .rwnd_limited = 3, .sndbuf_limited = 3},
            {.known = 1, .busy = 5, .rwnd_limited = 3, .sndbuf_limited = UINT64_MAX - 1},
        };
    const struct tcp_stats right = {.known = 1,
                                    .rtt = 120 * 1000 * 1000,
                                    .min_rtt = 1,
                                    .retransmits = UINT32_MAX,
                                    .busy = UINT64_MAX,
                                    .rwnd_limited = UINT64_MAX - 3,
                                    .sndbuf_limited = 3};
    struct tcp_stats copy;

    (void)state;
    assert_true(tcp_stats_copy(&copy, &right));
    assert_memory_equal(&copy, &right, sizeof(copy));
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_false(tcp_stats_copy(&copy, &wrong[i]));
        assert_memory_equal(&copy, &none, sizeof(copy));
    }
}

static void test_limits(void **state)
{
    (void)state;
    assert_string_equal(tcp_limit(0, 0, 0), "application");
    assert_string_equal(tcp_limit(100, 0, 0), "application");
    assert_string_equal(tcp_limit(100, 51, 0), "receiver's window");
    assert_string_equal(tcp_limit(100, 0, 51), "send buffer");
    assert_string_equal(tcp_limit(100, 50, 50), "path");
    assert_string_equal(tcp_limit(3, 2, 1), "receiver's window");
    assert_string_equal(tcp_limit(UINT64_MAX, UINT64_MAX - 1, 1), "receiver's window");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_connection),
        cmocka_unit_test(test_others_have_nothing),
        cmocka_unit_test(test_impossible_values_are_ignored),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
