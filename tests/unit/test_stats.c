#include "client/probe/stats.h"

#include "unit.h"

static struct stats *fresh(void)
{
    static struct stats s;

    memset(&s, 0, sizeof(s));
    return &s;
}

static void test_nothing(void **state)
{
    struct stats *s = fresh();

    (void)state;
    assert_int_equal(stats_mean(s), 0);
    assert_int_equal(stats_deviation(s), 0);
    assert_int_equal(stats_percentile(s, 500), 0);
}

static void test_small_times_are_exact(void **state)
{
    struct stats *s = fresh();

    (void)state;
    for (uint64_t ns = 1; ns <= 200; ns++)
        stats_add(s, ns);
    assert_int_equal(s->min, 1);
    assert_int_equal(s->max, 200);
    assert_int_equal(stats_mean(s), 100);
    assert_int_equal(stats_percentile(s, 500), 100);
    assert_int_equal(stats_percentile(s, 990), 198);
    assert_int_equal(stats_percentile(s, 1000), 200);
    assert_int_equal(stats_percentile(s, 0), 1);
    assert_int_equal(stats_deviation(s), 57); /* sqrt((200² - 1) / 12) is 57.7 */
}

/* Of a time alone its bucket's middle would be the time itself; two others widen the range. */
static void test_percentiles_are_off_by_less_than_a_hundredth(void **state)
{
    (void)state;
    for (uint64_t ns = 257; ns < UINT64_C(1) << 42; ns = ns * 9 / 8 + 1) {
        struct stats *s = fresh();
        stats_add(s, 1);
        stats_add(s, ns);
        stats_add(s, UINT64_C(1) << 41);
        stats_add(s, ns);
        stats_add(s, UINT64_C(1) << 42);
        uint64_t p50 = stats_percentile(s, 500), off = p50 > ns ? p50 - ns : ns - p50;
        uint64_t median = ns > UINT64_C(1) << 41 ? 0 : off;
        assert_true(median * 1000 <= ns * 4);
    }
}

/* So many times, and so long, that the exact sum of squares cannot be had: 2^33 of 28 hours. */
static void test_deviation_of_what_is_too_much(void **state)
{
    const uint64_t count = UINT64_C(1) << 33, time = UINT64_C(100000000000000);
    struct stats *s = fresh();

    (void)state;
    s->count = count;
    s->sum = (unsigned __int128)count * time;
    s->squares = s->sum * time;
    assert_int_equal(stats_deviation(s), 0);
    s->squares += (unsigned __int128)count * 10000000000U;
    assert_int_equal(stats_deviation(s), 100000);
}

static void test_times_beyond_the_last_bucket(void **state)
{
    struct stats *s = fresh();

    (void)state;
    stats_add(s, UINT64_MAX / 4);
    stats_add(s, 5);
    assert_int_equal(s->max, UINT64_MAX / 4);
    assert_int_equal(stats_percentile(s, 500), 5);
    assert_true(stats_percentile(s, 990) > UINT64_C(1) << 41);
}

static void test_deviation_of_long_times(void **state)
{
    struct stats *s = fresh();

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        stats_add(s, UINT64_C(10000000) + (i % 2 ? 100 : 0)); /* 10 ms and 0.1 µs more */
    assert_int_equal(stats_deviation(s), 50);
    assert_int_equal(stats_mean(s), 10000050);
}

static void test_counts_between(void **state)
{
    struct stats *s = fresh();

    (void)state;
    for (uint64_t us = 1; us <= 100; us++)
        stats_add(s, us * 1000);
    assert_int_equal(stats_between(s, 0, UINT64_MAX), 100);
    assert_int_equal(stats_between(s, 0, 50500) + stats_between(s, 50500, UINT64_MAX), 100);
    assert_int_equal(stats_between(s, 0, 50500), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_small_times_are_exact),
        cmocka_unit_test(test_percentiles_are_off_by_less_than_a_hundredth),
        cmocka_unit_test(test_deviation_of_what_is_too_much),
        cmocka_unit_test(test_times_beyond_the_last_bucket),
        cmocka_unit_test(test_deviation_of_long_times),
        cmocka_unit_test(test_counts_between),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
