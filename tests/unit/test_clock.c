#include "base/clock.h"

#include "unit.h"

static void test_time_left_for_poll(void **state)
{
    (void)state;
    assert_int_equal(clock_timeout(0), 0);
    assert_int_equal(clock_timeout(clock_now()), 0);
    for (uint64_t usec = 0; usec < 3 * USEC_PER_MSEC; usec += 7) {
        uint64_t deadline = clock_now() + USEC_PER_SEC + usec;
        uint64_t left = (uint64_t)clock_timeout(deadline) * USEC_PER_MSEC;
        assert_true(clock_now() + left >= deadline); /* never early */
        assert_true(left < USEC_PER_SEC + usec + USEC_PER_MSEC);
    }
    assert_int_equal(clock_timeout(UINT64_MAX - 1), INT32_MAX);
    assert_int_equal(clock_timeout(UINT64_MAX), -1);
}

static void test_earlier(void **state)
{
    (void)state;
    assert_int_equal(clock_earlier(1, 2), 1);
    assert_int_equal(clock_earlier(UINT64_MAX, 2), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_left_for_poll),
        cmocka_unit_test(test_earlier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
