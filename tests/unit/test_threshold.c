#include "base/macros.h"
#include "client/plugin/threshold.h"

#include "unit.h"

#define S UINT64_C(1000000000)

static void alerts(const char *text, uint64_t ns, bool expected)
{
    struct threshold range;

    assert_int_equal(threshold_parse(text, &range), 0);
    assert_int_equal(threshold_alerts(&range, ns), expected);
}

/* The examples of the Monitoring Plugins Development Guidelines, and the ends. */
static void test_examples(void **state)
{
    (void)state;
    alerts("10", 10 * S, false);
    alerts("10", 10 * S + 1, true);
    alerts("10:", 10 * S - 1, true);
    alerts("10:", 10 * S, false);
    alerts("10:", 1000 * S, false);
    alerts("~:10", 0, false);
    alerts("~:10", 11 * S, true);
    alerts("10:20", 9 * S, true);
    alerts("10:20", 20 * S, false);
    alerts("10:20", 21 * S, true);
    alerts("@10:20", 9 * S, false);
    alerts("@10:20", 10 * S, true);
    alerts("@10:20", 21 * S, false);
    alerts("@10", 5 * S, true);
    alerts(":10", 10 * S, false); /* not of the guidelines, but monitoring-plugins take it */
    alerts(":10", 11 * S, true);
    alerts("@:10", 5 * S, true);
}

static void test_fractions(void **state)
{
    (void)state;
    alerts("0.25", S / 4, false);
    alerts("0.25", S / 4 + 1, true);
    alerts(".000000001", 2, true);
    alerts("0.0000000019", 1, false); /* beyond nanoseconds it is cut */
}

static void test_nonsense(void **state)
{
    static const char *const bad[] = {"",   "x",  "1:x",   "2:1",  "::1",
                                      "1s", "-1", "1.",    "1..2", "~",
                                      "~1", "@",  "1:2:3", "1 ",   "99999999999999"};
    struct threshold range = {.from = 7};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(threshold_parse(bad[i], &range), -EINVAL);
    assert_int_equal(range.from, 7);
    assert_false(threshold_alerts(&(struct threshold){0}, 5)); /* none was given */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_fractions),
        cmocka_unit_test(test_nonsense),
    };

    return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
