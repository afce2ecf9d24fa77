#include "base/clock.h"
#include "base/duration.h"
#include "base/macros.h"
#include "unit.h"

#include <errno.h>

static void parses(const char *text, uint64_t expected)
{
    uint64_t usec = 7;

    assert_int_equal(duration_parse(text, &usec), 0);
    assert_int_equal(usec, expected);
}

static void rejects(const char *text, int error)
{
    uint64_t usec = 7;

    assert_int_equal(duration_parse(text, &usec), error);
    assert_int_equal(usec, 7);
}

static void test_units(void **state)
{
    (void)state;
    parses("0", 0);
    parses("5", 5 * USEC_PER_SEC);
    parses("5s", 5 * USEC_PER_SEC);
    parses("250ms", 250 * USEC_PER_MSEC);
    parses("7us", 7);
    parses("5min", 300 * USEC_PER_SEC);
    parses("1d", 86400 * USEC_PER_SEC);
    parses(" 1h 30 min ", 5400 * USEC_PER_SEC);
}

static void test_rejects(void **state)
{
    (void)state;
    rejects("", -EINVAL);
    rejects("s", -EINVAL);
    rejects("5 parsecs", -EINVAL);
    rejects("1.5s", -EINVAL);
    rejects("-1s", -EINVAL);
    rejects("5s!", -EINVAL);
    rejects("18446744073709551616", -ERANGE);
    rejects("18446744073709551615d", -ERANGE);
    rejects("18446744073709551615us 1us", -ERANGE);
}

static void test_round_trip(void **state)
{
    static const uint64_t values[] = {
        0, 1, 999, USEC_PER_MSEC, 5 * USEC_PER_SEC + 250000, 90000 * USEC_PER_SEC, UINT64_MAX};
    char text[DURATION_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        parses(duration_format(values[i], text, sizeof(text)), values[i]);
    assert_string_equal(duration_format(5400 * USEC_PER_SEC, text, sizeof(text)), "1h 30min");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_rejects),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
