#include "base/macros.h"
#include "base/text.h"
#include "config/inifile.h"

#include "unit.h"

/* The events of a reading, a line of text for each. */
struct seen {
    char events[4096];
    char reasons[2048];
};

static void on_section(void *user, unsigned line, const char *name)
{
    struct seen *seen = user;

    text_append(seen->events, sizeof(seen->events), "%u [%s]\n", line, name);
}

static void on_value(void *user, unsigned line, const char *key, const char *value)
{
    struct seen *seen = user;

    text_append(seen->events, sizeof(seen->events), "%u %s=%s\n", line, key, value);
}

static void on_malformed(void *user, unsigned line, const char *reason)
{
    struct seen *seen = user;

    text_append(seen->events, sizeof(seen->events), "%u bad\n", line);
    text_append(seen->reasons, sizeof(seen->reasons), "%s\n", reason);
}

static int read_ini(const char *path, struct seen *seen)
{
    static const struct inifile_events events = {on_section, on_value, on_malformed};

    *seen = (struct seen){0};
    return inifile_read(path, &events, seen);
}

static void expect_events_of(const char *text, size_t len, const char *expected)
{
    struct seen seen;

    write_file("a.conf", text, len);
    assert_int_equal(read_ini("a.conf", &seen), 0);
    assert_string_equal(seen.events, expected);
}

static void expect_events(const char *text, const char *expected)
{
    expect_events_of(text, strlen(text), expected);
}

static void test_events_with_their_lines(void **state)
{
    (void)state;
    expect_events("; comment\n\n[one]\na = 1\n\n# comment\nb=2 ; comment\n[two]\na : 3\n",
                  "3 [one]\n4 a=1\n7 b=2\n8 [two]\n9 a=3\n");
    expect_events("", "");
    expect_events("\n\n", "");
}

static void test_sections_without_values_and_twice(void **state)
{
    (void)state;
    expect_events("[one]\n[two]\n[one]\n", "1 [one]\n2 [two]\n3 [one]\n");
    expect_events("[]\n", "1 []\n");
    expect_events("  [one] ; comment\n[two]# comment\n", "1 [one]\n2 [two]\n");
}

static void test_long_section_name_is_whole(void **state)
{
    char text[300], expected[300];

    (void)state;
    snprintf(text, sizeof(text), "[%0150d]\na=1\n", 0);
    snprintf(expected, sizeof(expected), "1 [%0150d]\n2 a=1\n", 0);
    expect_events(text, expected);
}

static void test_values_may_be_empty_or_hold_delimiters(void **state)
{
    (void)state;
    expect_events("a=\nb = = x\nc = [x]\nd = 1;2\ne = # 1\n",
                  "1 a=\n2 b== x\n3 c=[x]\n4 d=1;2\n5 e=# 1\n");
}

static void test_indented_line_is_no_continuation(void **state)
{
    (void)state;
    expect_events("a = 1\n  b = 2\n\tc = 3\n", "1 a=1\n2 b=2\n3 c=3\n");
    expect_events("a = 1\n  more\n", "1 a=1\n2 bad\n");
}

static void test_each_malformed_line_is_reported(void **state)
{
    (void)state;
    expect_events("x\n[one]\ny\na = 1\nz\n", "1 bad\n2 [one]\n3 bad\n4 a=1\n5 bad\n");
    expect_events("x\ny", "1 bad\n2 bad\n");
    expect_events("a ; b = 1\n", "1 bad\n");
}

static void test_bad_sections(void **state)
{
    (void)state;
    expect_events("[one\na = 1\n", "1 bad\n2 a=1\n");
    expect_events("[one] x\n", "1 bad\n1 [one]\n");
    expect_events("[one] [two]\n", "1 bad\n1 [one]\n");
}

static void test_line_endings_and_bom(void **state)
{
    (void)state;
    expect_events("[one]\r\na = 1\r\n\r\n", "1 [one]\n2 a=1\n");
    expect_events("[one]\na = 1", "1 [one]\n2 a=1\n");
    expect_events("[one]", "1 [one]\n");
    expect_events("\xef\xbb\xbf[one]\na = 1\n", "1 [one]\n2 a=1\n");
    expect_events("\xef\xbb\xbf"
                  "a = 1\n",
                  "1 a=1\n");
    expect_events("a = 1\n\xef\xbb\xbf"
                  "b = 2\n",
                  "1 a=1\n2 \xef\xbb\xbf"
                  "b=2\n");
}

/* A binary file, or one in UTF-16, is reported once. */
static void test_nul_byte_ends_the_reading(void **state)
{
    static const char text[] = "a = 1\nb\0 = 2\n\0\nc = 3\n";

    (void)state;
    expect_events_of(text, sizeof(text) - 1, "1 a=1\n2 bad\n");
}

/* inih reads 199 bytes, including the newline, which a dump always writes. */
static void test_line_length(void **state)
{
    static const struct {
        size_t bytes; /* of the line, without a newline */
        bool newline, fits;
    } cases[] = {
        {197, true, true},   {198, true, true},  {199, true, false},  {200, true, false},
        {1000, true, false}, {198, false, true}, {199, false, false}, {200, false, false},
    };
    char text[1100], expected[1100];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int value = (int)cases[i].bytes - 2, end = cases[i].newline;
        snprintf(text, sizeof(text), "a=%0*d%s", value, 7, end ? "\nb=1\n" : "");
        if (cases[i].fits)
            snprintf(expected, sizeof(expected), "1 a=%0*d\n%s", value, 7, end ? "2 b=1\n" : "");
        else
            snprintf(expected, sizeof(expected), "1 bad\n%s", end ? "2 b=1\n" : "");
        expect_events(text, expected);
    }
}

static void test_too_long_a_comment_is_reported(void **state)
{
    char text[400];

    (void)state;
    snprintf(text, sizeof(text), "; %0300d\na=1\n", 0);
    expect_events(text, "1 bad\n2 a=1\n");
}

static void test_reasons_name_the_mistake(void **state)
{
    static const char text[] = "x\n[one\n[one] x\na\0=1\n";
    char line[300];
    struct seen seen;

    (void)state;
    write_file("a.conf", text, sizeof(text) - 1);
    assert_int_equal(read_ini("a.conf", &seen), 0);
    assert_non_null(strstr(seen.reasons, "OPTION = VALUE"));
    assert_non_null(strstr(seen.reasons, "no closing ]"));
    assert_non_null(strstr(seen.reasons, "after the ]"));
    assert_non_null(strstr(seen.reasons, "NUL"));
    snprintf(line, sizeof(line), "a=%0250d\n", 0);
    write_file("a.conf", line, strlen(line));
    assert_int_equal(read_ini("a.conf", &seen), 0);
    assert_non_null(strstr(seen.reasons, "longer than 198 bytes"));
}

static void test_what_is_no_file(void **state)
{
    struct seen seen;

    (void)state;
    assert_int_equal(read_ini("missing.conf", &seen), -ENOENT);
    assert_int_equal(read_ini(".", &seen), -EISDIR);
    assert_int_equal(read_ini("/dev/null", &seen), -EINVAL);
    assert_string_equal(seen.events, "");
    /* A descriptor path may be a pipe. */
    int fds[2];
    char path[32];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "a=1\n", 4), 4);
    close(fds[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
    assert_int_equal(read_ini(path, &seen), 0);
    assert_string_equal(seen.events, "1 a=1\n");
    close(fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_with_their_lines),
        cmocka_unit_test(test_sections_without_values_and_twice),
        cmocka_unit_test(test_long_section_name_is_whole),
        cmocka_unit_test(test_values_may_be_empty_or_hold_delimiters),
        cmocka_unit_test(test_indented_line_is_no_continuation),
        cmocka_unit_test(test_each_malformed_line_is_reported),
        cmocka_unit_test(test_bad_sections),
        cmocka_unit_test(test_line_endings_and_bom),
        cmocka_unit_test(test_nul_byte_ends_the_reading),
        cmocka_unit_test(test_line_length),
        cmocka_unit_test(test_too_long_a_comment_is_reported),
        cmocka_unit_test(test_reasons_name_the_mistake),
        cmocka_unit_test(test_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
