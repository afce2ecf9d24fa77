#include "base/macros.h"
#include "client/command/option.h"

#include "unit.h"

struct target {
    int flag, show;
    const char *text;
    uint64_t span, count, size;
};

#define AT(member) offsetof(struct target, member)

static const struct option_row first[] = {
    {"flag", 'f', NULL, AT(flag), 7, NULL, "a flag"},
    {"show", 0, NULL, AT(show), 1, NULL, "stops"},
    {"text", 't', &argument_text, AT(text), 0, "TEXT", "a text\nof two lines"},
};
static const struct option_row second[] = {
    {"span", 's', &argument_span, AT(span), 0, "SPAN", "a span"},
    {"count", 'c', &argument_count, AT(count), 0, "N", "a count"},
    {"size", 0, &argument_size, AT(size), 0, "BYTES", "a size"},
};

/* Parses the words of LINE into a new TARGET. */
static int parse(struct target *target, const char *line)
{
    static char copy[256];
    char *argv[16] = {(char[]){"test"}}, *rest = copy, *word;
    int argc = 1;
    const struct option_set sets[] = {{first, ARRAY_SIZE(first), target},
                                      {second, ARRAY_SIZE(second), target}};

    *target = (struct target){0};
    snprintf(copy, sizeof(copy), "%s", line);
    while ((word = strsep(&rest, " ")) != NULL && argc < 15)
        if (*word)
            argv[argc++] = word;
    return options_parse(sets, ARRAY_SIZE(sets), argc, argv, &target->show);
}

static void test_both_tables_are_known(void **state)
{
    struct target target;

    (void)state;
    assert_int_equal(parse(&target, "-f host --count=3 -s 1min --text x --size 9 port"), 9);
    assert_int_equal(target.flag, 7);
    assert_int_equal(target.count, 3);
    assert_int_equal(target.span, 60000000);
    assert_int_equal(target.size, 9);
    assert_string_equal(target.text, "x");
}

static void test_show_options_end_parsing(void **state)
{
    struct target target;

    (void)state;
    assert_true(parse(&target, "--show --nonsense") > 0);
    assert_int_equal(target.show, 1);
}

static void test_spans(void **state)
{
    static const struct {
        const char *text;
        uint64_t usec;
    } good[] = {{"0", 0},          {"0.2", 200000},  {".5", 500000},   {"2", 2000000},
                {"1.25", 1250000}, {"0.0000019", 1}, {"500ms", 500000}};
    static const char *const bad[] = {"soon",
                                      "1.",
                                      ".",
                                      "1.5s",
                                      "1..5",
                                      "99999999999999999999",
                                      "9999999999999999999d",
                                      "99999999999999",
                                      "99999999999999999999.5",
                                      "18446744073710.5",
                                      "18446744073709.999999",
                                      "5000000000"};
    struct target target;
    char line[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        snprintf(line, sizeof(line), "-s %s", good[i].text);
        assert_true(parse(&target, line) > 0);
        assert_int_equal(target.span, good[i].usec);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        snprintf(line, sizeof(line), "-s %s", bad[i]);
        assert_int_equal(parse(&target, line), -EINVAL);
        assert_int_equal(target.span, 0);
    }
}

static void test_numbers_have_bounds(void **state)
{
    static const char *const bad[] = {"-c 0",     "-c -1",          "-c 1x", "-c 4294967296",
                                      "--size 0", "--size 1048577", "-c",    "--nonsense",
                                      "-x"};
    struct target target;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(parse(&target, bad[i]), -EINVAL);
    assert_true(parse(&target, "-c 4294967295 --size 1048576") > 0);
}

static void test_help_has_every_row(void **state)
{
    char text[512] = "";
    FILE *file = fmemopen(text, sizeof(text), "w");

    (void)state;
    options_print(first, ARRAY_SIZE(first), file);
    fclose(file);
    assert_string_equal(text, "  -f, --flag            a flag\n"
                              "      --show            stops\n"
                              "  -t, --text TEXT       a text\n"
                              "                        of two lines\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_tables_are_known),
        cmocka_unit_test(test_show_options_end_parsing),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_numbers_have_bounds),
        cmocka_unit_test(test_help_has_every_row),
    };

    return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
