#include "base/json.h"

#include "unit.h"

static void is_written(const char *text, const char *expected)
{
    char buf[64];
    FILE *to = fmemopen(buf, sizeof(buf), "we");

    assert_non_null(to);
    json_string(text, to);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(buf, expected);
}

static void test_plain_text_stays(void **state)
{
    (void)state;
    is_written("", "\"\"");
    is_written("a b/c", "\"a b/c\"");
    is_written("\xc3\xa4", "\"\xc3\xa4\"");
}

static void test_what_json_escapes(void **state)
{
    (void)state;
    is_written("\"", "\"\\\"\"");
    is_written("\\x41", "\"\\\\x41\"");
    is_written("\n\x01\x1f", "\"\\u000a\\u0001\\u001f\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_stays),
        cmocka_unit_test(test_what_json_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
