#include "base/text.h"

#include "unit.h"

static void test_number_parse(void **state)
{
    static const struct {
        const char *text;
        int r;
        uint64_t number;
    } cases[] = {
        {"0", 0, 0},
        {"007", 0, 7},
        {"4294967296", 0, UINT64_C(4294967296)},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"18446744073709551620", -ERANGE, 0},
        {"99999999999999999999", -ERANGE, 0},
        {"340282366920938463463374607431768211457", -ERANGE, 0}, /* 2^128 + 1 */
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {"\xd9\xa1", -EINVAL, 0}, /* an Arabic one */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t number = 42;
        assert_int_equal(number_parse(cases[i].text, &number), cases[i].r);
        assert_int_equal(number, cases[i].r == 0 ? cases[i].number : 42);
    }
}

static void test_number_scan_stops_after_the_digits(void **state)
{
    const char *p = "12ab";
    uint64_t number = 0;

    (void)state;
    assert_int_equal(number_scan(&p, &number), 0);
    assert_int_equal(number, 12);
    assert_string_equal(p, "ab");
    assert_int_equal(number_scan(&p, &number), -EINVAL);
    assert_string_equal(p, "ab");
}

static void test_text_append_cuts(void **state)
{
    char buf[8] = "";

    (void)state;
    text_append(buf, sizeof(buf), "%s", "abc");
    assert_string_equal(buf, "abc");
    text_append(buf, sizeof(buf), "%d-%s", 12, "xyz");
    assert_string_equal(buf, "abc12-x");
    text_append(buf, sizeof(buf), "more");
    assert_string_equal(buf, "abc12-x");
    buf[6] = '!';
    buf[7] = '!'; /* not a string any more: nothing is written after the buffer */
    text_append(buf, sizeof(buf), "more");
    assert_memory_equal(buf, "abc12-!!", 8);
}

static void test_text_copies(void **state)
{
    char *whole = text_copy("abc"), *part = text_copy_n("abc", 2), *more = text_copy_n("abc", 9);

    (void)state;
    assert_string_equal(whole, "abc");
    assert_string_equal(part, "ab");
    assert_string_equal(more, "abc");
    free(whole);
    free(part);
    free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_parse),
        cmocka_unit_test(test_number_scan_stops_after_the_digits),
        cmocka_unit_test(test_text_append_cuts),
        cmocka_unit_test(test_text_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
