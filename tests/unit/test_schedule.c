#include "base/macros.h"
#include "client/load/schedule.h"

#include "client/io/wait.h"
#include "unit.h"

#define S UINT64_C(1000000000)

static void test_rates_are_exact(void **state)
{
    static const uint64_t rates[] = {1, 3, 7, 200, 999, 700000, 999983, 1000000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
        const struct schedule s = {.begin = 5, .end = 5 + 8 * S, .rate = rates[i]};
        assert_int_equal(schedule_number(&s, NEVER - 1), 8 * rates[i]);
        assert_int_equal(schedule_due(&s, rates[i]), 5 + S);
        assert_int_not_equal(schedule_due(&s, 8 * rates[i] - 1), NEVER);
        assert_int_equal(schedule_due(&s, 8 * rates[i]), NEVER);
    }
}

static void test_number_agrees_with_due(void **state)
{
    const struct schedule s = {.begin = 1000, .end = NEVER, .rate = 700000};

    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t due = schedule_due(&s, i);
        assert_int_equal(schedule_number(&s, due), i + 1);
        assert_int_equal(schedule_number(&s, due - 1), i);
    }
}

static void test_limits(void **state)
{
    const struct schedule counted = {.begin = 1, .end = NEVER, .rate = 10, .count = 3};
    const struct schedule at_once = {.begin = 1, .end = 100, .count = 2};

    (void)state;
    assert_int_equal(schedule_due(&counted, 2), 1 + S / 5);
    assert_int_equal(schedule_due(&counted, 3), NEVER);
    assert_int_equal(schedule_number(&counted, 1000 * S), 3);
    assert_int_equal(schedule_number(&counted, 0), 0);
    assert_int_equal(schedule_due(&at_once, 1), 1);
    assert_int_equal(schedule_due(&at_once, 2), NEVER);
    assert_int_equal(schedule_number(&at_once, 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_are_exact),
        cmocka_unit_test(test_number_agrees_with_due),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
