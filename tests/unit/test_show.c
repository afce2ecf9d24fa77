#include "base/macros.h"
#include "base/text.h"
#include "ctl/show.h"

#include "unit.h"

/* What one of the functions of show.h makes of a report, in a buffer that the next call uses. */
static char shown[65536];

static const char *show_with(void (*show)(char *report, FILE *to), const char *report)
{
    char *copy = text_copy(report); /* valgrind and ASan watch its end */
    FILE *to = fmemopen(shown, sizeof(shown), "w");

    assert_non_null(to);
    shown[0] = '\0';
    show(copy, to);
    assert_int_equal(fclose(to), 0);
    free(copy);
    return shown;
}

static void object(char *report, FILE *to)
{
    show_json(report, true, to);
}

static void array(char *report, FILE *to)
{
    show_json(report, false, to);
}

static void test_json_object(void **state)
{
    (void)state;
    assert_string_equal(show_with(object, "a=1\tb=two\tc=\n"),
                        "{\"a\": 1, \"b\": \"two\", \"c\": \"\"}\n");
    assert_string_equal(show_with(object, "a=1"), "{\"a\": 1}\n"); /* without a newline */
}

static void test_json_object_of_nothing_is_json(void **state)
{
    (void)state;
    assert_string_equal(show_with(object, ""), "{}\n");
    assert_string_equal(show_with(object, "\n"), "{}\n");
}

static void test_json_array(void **state)
{
    (void)state;
    assert_string_equal(show_with(array, ""), "[]\n");
    assert_string_equal(show_with(array, "\n\n"), "[]\n");
    assert_string_equal(show_with(array, "a=1\n"), "[{\"a\": 1}]\n");
    assert_string_equal(show_with(array, "a=1\tb=2\na=3\n\na=4\n"),
                        "[{\"a\": 1, \"b\": 2},\n {\"a\": 3},\n {\"a\": 4}]\n");
}

static void test_metrics(void **state)
{
    (void)state;
    assert_string_equal(show_with(show_metrics, ""), "{}\n");
    assert_string_equal(show_with(show_metrics, "# HELP a b\n# TYPE a gauge\na 1\n"
                                                "# HELP b c d\n# TYPE b counter\nb 20\n"),
                        "{\"a\": 1,\n \"b\": 20}\n");
    assert_string_equal(show_with(show_metrics, "a\n\nb 1.5"), "{\"b\": 1.5}\n");
    assert_string_equal(show_with(show_metrics, "a 1.\nb .5\nc 01.5\nd 0.50\ne 1.5.5\nf 1e5\n"),
                        "{\"a\": \"1.\",\n \"b\": \".5\",\n \"c\": \"01.5\",\n \"d\": 0.50,\n "
                        "\"e\": \"1.5.5\",\n \"f\": \"1e5\"}\n");
    assert_string_equal(show_with(show_metrics, "a{config=\"/x } y\"} 1\nb{c=\"d\",e=\"f\"} 2\n"),
                        "{\"a\": 1,\n \"b\": 2}\n");
}

/* Buckets have the same name, which would repeat the member. */
static void test_histograms(void **state)
{
    (void)state;
    assert_string_equal(show_with(show_metrics, "a 1\n# TYPE b histogram\n"
                                                "b_bucket{config=\"/x\",le=\"0.5\"} 1\n"
                                                "b_bucket{config=\"/x\",le=\"+Inf\"} 2\n"
                                                "b_sum{config=\"/x\"} 0.250000\n"
                                                "c_bucket{x=\"\",le=\"1\"} 3\n"
                                                "d_bucket{x=\"\",le=\"1\"} 4\n"),
                        "{\"a\": 1,\n \"b_bucket\": {\"0.5\": 1, \"+Inf\": 2},\n "
                        "\"b_sum\": 0.250000,\n \"c_bucket\": {\"1\": 3},\n "
                        "\"d_bucket\": {\"1\": 4}}\n");
    /* A path with what looks like it: its quotation marks have a backslash before them. */
    assert_string_equal(show_with(show_metrics, "a{config=\"/x,le=\\\"1\\\"\"} 1\n"),
                        "{\"a\": 1}\n");
}

static void test_json_numbers(void **state)
{
    static const char *const numbers[] = {"0", "7", "10", "18446744073709551615"};
    static const char *const strings[] = {"",    "00",  "007",  "-1",   "+1",
                                          "1.5", "1e5", "0x1",  " 1",   "1 ",
                                          "1a",  "NaN", "true", "null", "127.0.0.1:7"};
    char report[64], expected[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        snprintf(report, sizeof(report), "k=%s\n", numbers[i]);
        snprintf(expected, sizeof(expected), "{\"k\": %s}\n", numbers[i]);
        assert_string_equal(show_with(object, report), expected);
    }
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        snprintf(report, sizeof(report), "k=%s\n", strings[i]);
        snprintf(expected, sizeof(expected), "{\"k\": \"%s\"}\n", strings[i]);
        assert_string_equal(show_with(object, report), expected);
    }
}

static void test_json_strings_are_escaped(void **state)
{
    (void)state;
    assert_string_equal(show_with(object, "k=a\"b\\c/d'\n"), "{\"k\": \"a\\\"b\\\\c/d'\"}\n");
    assert_string_equal(show_with(object, "k=\\x41\n"), "{\"k\": \"\\\\x41\"}\n");
    assert_string_equal(show_with(object, "k\"=v\n"), "{\"k\\\"\": \"v\"}\n");
    assert_string_equal(show_with(object, "k=\xc3\xa4\xe2\x82\xac\n"),
                        "{\"k\": \"\xc3\xa4\xe2\x82\xac\"}\n");
}

static void test_only_the_first_equals_sign_divides(void **state)
{
    (void)state;
    assert_string_equal(show_with(object, "k=a=b==\t=v\n"), "{\"k\": \"a=b==\", \"\": \"v\"}\n");
    assert_string_equal(show_with(array, "k=a=b\n"), "[{\"k\": \"a=b\"}]\n");
}

static void test_what_is_no_pair_is_left_out(void **state)
{
    (void)state;
    assert_string_equal(show_with(object, "nonsense\ta=1\t\tmore\n"), "{\"a\": 1}\n");
    assert_string_equal(show_with(array, "nonsense\na=1\n"), "[{},\n {\"a\": 1}]\n");
    assert_string_equal(show_with(show_pairs, "nonsense\ta=1\n"), "a               1\n");
}

/* A later daemon may report more than an older echoctl has room for. */
static void test_more_pairs_than_there_is_room_for(void **state)
{
    char report[4096] = "";

    (void)state;
    for (int i = 0; i < 100; i++)
        text_append(report, sizeof(report), "%sk%d=%d", i ? "\t" : "", i, i);
    show_with(object, report);
    assert_memory_equal(shown, "{\"k0\": 0, ", 10);
    assert_string_equal(shown + strlen(shown) - 2, "}\n");
    show_with(show_table, report);
    assert_memory_equal(shown, "k0  k1", 6);
    show_with(show_pairs, report);
    assert_memory_equal(shown, "k0              0\nk1 ", 21);
}

static void test_pairs(void **state)
{
    (void)state;
    assert_string_equal(show_with(show_pairs, "state=serving\tmax_clients=7\tnone=\n"),
                        "state           serving\nmax_clients     7\nnone            \n");
    assert_string_equal(show_with(show_pairs, "a_key_that_is_quite_long=1\n"),
                        "a_key_that_is_quite_long 1\n");
    assert_string_equal(show_with(show_pairs, ""), "");
}

static void test_table(void **state)
{
    (void)state;
    assert_string_equal(show_with(show_table, ""), "");
    assert_string_equal(show_with(show_table, "id=5\tpeer=127.0.0.1:7\tlistener=a\n"
                                              "id=12345\tpeer=unix\tlistener=local\n"),
                        "id     peer         listener\n"
                        "5      127.0.0.1:7  a\n"
                        "12345  unix         local\n");
}

static void test_table_of_one_column(void **state)
{
    (void)state;
    assert_string_equal(show_with(show_table, "id=5\nid=6"), "id\n5\n6\n");
}

static void test_wide_values(void **state)
{
    char report[3000], *wide = report + strlen("a=");

    (void)state;
    memset(report, 'x', sizeof(report));
    memcpy(report, "a=", 2);
    strcpy(report + 2500, "\tb=1\n");
    show_with(show_table, report);
    const char *second = strchr(shown, '\n') + 1;
    assert_int_equal(second - shown, 2498 + 2 + 2);
    assert_memory_equal(shown, "a    ", 5);
    assert_memory_equal(second, wide, 2498);
    assert_string_equal(second + 2498, "  1\n");
}

static void test_verdict(void **state)
{
    (void)state;
    assert_string_equal(show_with(show_verdict, "verdict=denied\taddress=192.0.2.1\tlistener=a\t"
                                                "rule=deny 192.0.2.0/24\torigin=/x.conf:3\n"),
                        "denied: 192.0.2.1 on a: deny 192.0.2.0/24 (/x.conf:3)\n");
    assert_string_equal(show_with(show_verdict, "verdict=allowed\taddress=::1\tlistener=a\t"
                                                "rule=no rule\torigin=\n"),
                        "allowed: ::1 on a: no rule\n");
    assert_string_equal(show_with(show_verdict, ""), ":  on : \n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_object),
        cmocka_unit_test(test_json_object_of_nothing_is_json),
        cmocka_unit_test(test_json_array),
        cmocka_unit_test(test_json_numbers),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_histograms),
        cmocka_unit_test(test_json_strings_are_escaped),
        cmocka_unit_test(test_only_the_first_equals_sign_divides),
        cmocka_unit_test(test_what_is_no_pair_is_left_out),
        cmocka_unit_test(test_more_pairs_than_there_is_room_for),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_of_one_column),
        cmocka_unit_test(test_wide_values),
        cmocka_unit_test(test_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
