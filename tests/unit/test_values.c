#include "config/options.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netdb.h>

/* A field of any type, large enough for each. */
union field {
    bool flag;
    uint64_t number;
    unsigned choice;
    uint16_t port;
    struct text text;
    struct words words;
    struct cidrs cidrs;
    struct source_prefix prefix;
    struct rate rate;
};

static const struct choice choices[] = {{"red", 4}, {"green", 2}, {NULL, 0}};

static const struct option_row flag = {.name = "flag", .type = &type_bool};
static const struct option_row count = {
    .name = "count", .type = &type_count, .rule = {.min = 2, .max = 9}};
static const struct option_row any = {
    .name = "any", .type = &type_count, .rule = {.max = UINT64_MAX}};
static const struct option_row size = {
    .name = "size", .type = &type_size, .rule = {.min = 1, .max = 65536}};
static const struct option_row huge = {
    .name = "huge", .type = &type_size, .rule = {.max = UINT64_MAX}};
static const struct option_row span = {
    .name = "span", .type = &type_duration, .rule = {.max = 5000000}};
static const struct option_row colour = {
    .name = "colour", .type = &type_choice, .rule = {.choices = choices}};
static const struct option_row mode = {.name = "mode", .type = &type_mode, .rule = {.max = 0777}};
static const struct option_row port = {.name = "port", .type = &type_port, .rule = {.max = 65535}};
static const struct option_row text = {.name = "text", .type = &type_text};
static const struct option_row words = {.name = "words", .type = &type_words};
static const struct option_row cidrs = {.name = "cidrs", .type = &type_cidrs};
static const struct option_row rate = {.name = "rate", .type = &type_rate};
static const struct option_row prefix = {.name = "prefix", .type = &type_prefix};

struct value_case {
    const struct option_row *row;
    const char *text;
    const char *formatted; /* NULL: the value is bad */
};

static void clear(const struct option_row *row, union field *field)
{
    if (row->type->clear)
        row->type->clear(field);
}

/* TEXT parses, is formatted as FORMATTED, which parses to what is formatted so again. */
static void accepts(const struct option_row *row, const char *value, const char *formatted)
{
    char buf[VALUE_TEXT_MAX], again[VALUE_TEXT_MAX], reason[REASON_MAX] = "";
    union field field = {0};

    if (option_parse(row, value, &field, reason) != 0)
        fail_msg("%s = %s: %s", row->name, value, reason);
    option_format(row, &field, buf, sizeof(buf));
    clear(row, &field);
    assert_string_equal(buf, formatted);
    field = (union field){0};
    assert_int_equal(option_parse(row, buf, &field, reason), 0);
    option_format(row, &field, again, sizeof(again));
    clear(row, &field);
    assert_string_equal(again, buf);
}

/* VALUE is rejected with a reason that quotes no more than fits, and the field stays as it was. */
static void rejects(const struct option_row *row, const char *value)
{
    char reason[REASON_MAX] = "";
    union field field, before;

    memset(&field, 0x5a, sizeof(field));
    memcpy(&before, &field, sizeof(field));
    if (option_parse(row, value, &field, reason) != -EINVAL)
        fail_msg("%s = %s was not rejected", row->name, value);
    assert_memory_equal(&field, &before, sizeof(field));
    assert_true(strlen(reason) > 10 && strlen(reason) < REASON_MAX - 1);
    assert_null(strchr(reason, '\n'));
}

static void check(const struct value_case *cases, size_t number)
{
    for (size_t i = 0; i < number; i++) {
        if (cases[i].formatted)
            accepts(cases[i].row, cases[i].text, cases[i].formatted);
        else
            rejects(cases[i].row, cases[i].text);
    }
}

static void test_bool(void **state)
{
    static const struct value_case cases[] = {
        {&flag, "yes", "yes"}, {&flag, "no", "no"},  {&flag, "TRUE", "yes"}, {&flag, "false", "no"},
        {&flag, "on", "yes"},  {&flag, "Off", "no"}, {&flag, "1", "yes"},    {&flag, "0", "no"},
        {&flag, "", NULL},     {&flag, "2", NULL},   {&flag, "yess", NULL},  {&flag, "y", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_count(void **state)
{
    static const struct value_case cases[] = {
        {&count, "2", "2"},
        {&count, "007", "7"},
        {&count, "1", NULL},
        {&count, "10", NULL},
        {&count, "", NULL},
        {&count, "-3", NULL},
        {&count, " 3", NULL},
        {&count, "12abc", NULL},
        {&count, "4294967299", NULL},           /* 2^32 + 3 */
        {&count, "18446744073709551619", NULL}, /* 2^64 + 3 */
        {&any, "18446744073709551615", "18446744073709551615"},
        {&any, "18446744073709551616", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_size(void **state)
{
    static const struct value_case cases[] = {
        {&size, "1", "1"},
        {&size, "1024", "1024"},
        {&size, "1K", "1024"},
        {&size, "64K", "65536"},
        {&size, "65K", NULL},
        {&size, "0", NULL},
        {&size, "K", NULL},
        {&size, "1KB", NULL},
        {&size, "12abc", NULL},
        {&huge, "1M", "1048576"},
        {&huge, "2G", "2147483648"},
        {&huge, "17179869183G", "18446744072635809792"},
        {&huge, "17179869184G", NULL}, /* 2^64 */
        {&huge, "18014398509481985K", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_span(void **state)
{
    static const struct value_case cases[] = {
        {&span, "0", "0"},
        {&span, "5", "5s"},
        {&span, "1s 500ms", "1s 500ms"},
        {&span, "5000001us", NULL},
        {&span, "1min", NULL},
        {&span, "12abc", NULL},
        {&span, "18446744073709551616us", NULL},
        {&span, "213503982d", NULL}, /* 2^64 us and some */
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_choice(void **state)
{
    static const struct value_case cases[] = {
        {&colour, "red", "red"}, {&colour, "green", "green"}, {&colour, "Red", NULL},
        {&colour, "re", NULL},   {&colour, "reds", NULL},     {&colour, "", NULL},
        {&colour, "4", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
    char reason[REASON_MAX];
    unsigned field;
    assert_int_equal(option_parse(&colour, "Green", &field, reason), -EINVAL);
    assert_string_equal(reason, "\"Green\" is unknown; did you mean green?");
    assert_string_equal(choice_of(&colour.rule, 2)->name, "green");
    assert_null(choice_of(&colour.rule, 0));
    assert_null(choice_of(&count.rule, 0));
}

static void test_mode(void **state)
{
    static const struct value_case cases[] = {
        {&mode, "0666", "0666"},  {&mode, "660", "0660"},  {&mode, "0", "0000"},
        {&mode, "00777", "0777"}, {&mode, "1777", NULL},   {&mode, "0888", NULL},
        {&mode, "", NULL},        {&mode, "-1", NULL},     {&mode, " 666", NULL},
        {&mode, "12abc", NULL},   {&mode, "rw", NULL},     {&mode, "40000000000", NULL},
        {&mode, "600", "0600"},   {&mode, "664", "0664"},  {&mode, "777", "0777"},
        {&mode, "0432", "0432"},  {&mode, "0007", "0007"}, {&mode, "432", NULL},
        {&mode, "438", NULL},     {&mode, "511", NULL},    {&mode, "7", NULL},
        {&mode, "200", NULL},     {&mode, "466", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_mode_that_is_decimal_is_asked_about(void **state)
{
    static const struct {
        const char *text, *meant;
    } cases[] = {{"432", "did you mean 0660"}, {"438", "did you mean 0666"},
                 {"384", "did you mean 0600"}, {"511", "did you mean 0777"},
                 {"436", "did you mean 0664"}, {"200", "did you mean 0660 or 0666"}};
    char reason[REASON_MAX];
    unsigned field = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(option_parse(&mode, cases[i].text, &field, reason), -EINVAL);
        assert_non_null(strstr(reason, cases[i].meant));
    }
}

static void test_port(void **state)
{
    static const struct value_case cases[] = {
        {&port, "0", "0"},      {&port, "7", "7"},        {&port, "65535", "65535"},
        {&port, "65536", NULL}, {&port, "65543", NULL},   {&port, "4294967297", NULL},
        {&port, "-1", NULL},    {&port, "12abc", NULL},   {&port, "18446744073709551617", NULL},
        {&port, "", NULL},      {&port, "no-such", NULL}, {&port, "0x10", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_port_by_its_name(void **state)
{
    const struct servent *entry = getservbyname("http", "tcp");
    char expected[8];

    (void)state;
    if (!entry)
        cannot_run("this machine has no /etc/services");
    snprintf(expected, sizeof(expected), "%u", ntohs((uint16_t)entry->s_port));
    accepts(&port, "http", expected);
}

static void test_words(void **state)
{
    static const struct value_case cases[] = {
        {&words, "", ""},
        {&words, " \t", ""},
        {&words, " a ,b,\tc ", "a, b, c"},
        {&words, "127.0.0.1, ::1", "127.0.0.1, ::1"},
        {&words, "a,,b", NULL},
        {&words, "a,", NULL},
        {&words, ",a", NULL},
        {&words, "a b", NULL},
        {&words, "a, b c", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_cidrs(void **state)
{
    static const struct value_case cases[] = {
        {&cidrs, "", ""},
        {&cidrs, "10.0.0.0/8", "10.0.0.0/8"},
        {&cidrs, "192.0.2.1/32,2001:db8::/32", "192.0.2.1, 2001:db8::/32"},
        {&cidrs, "2001:DB8:0:0::1", "2001:db8::1"},
        {&cidrs, "0.0.0.0/0, ::/0", "0.0.0.0/0, ::/0"},
        {&cidrs, "10.0.0.0/8,", NULL},
        {&cidrs, "10.0.0.0/8 192.0.2.1", NULL},
        {&cidrs, "10.0.0.1/8", NULL},
        {&cidrs, "10.0.0.0/33", NULL},
        {&cidrs, "10.0.0.0/8, ::1/129", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_text(void **state)
{
    static const struct value_case cases[] = {
        {&text, "", ""},
        {&text, "Hello, world", "Hello, world"},
        {&text, "\\x20a b\\x09", "\\x20a b\\t"},
        {&text, "a\\tb", "a\tb"},
        {&text, "a\\n\\r\\\\", "a\\n\\r\\\\"},
        {&text, "a;b \\x3bc", "a;b\\x20;c"},
        {&text, "a\\t;b", "a\\t;b"},
        {&text, "\\x3b", ";"},
        {&text, "a\\x00b\\x7f", "a\\x00b\\x7f"},
        {&text, "\xc3\xa4\\xff", "\xc3\xa4\xff"},
        {&text, "a\x01", NULL}, /* written as \\x01 it is good */
        {&text, "a\\", NULL},
        {&text, "\\q", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_a_long_bad_value_is_quoted_in_part(void **state)
{
    static const struct option_row *const rows[] = {&flag, &count, &size,  &span, &colour,
                                                    &mode, &port,  &words, &cidrs};
    char value[1000];

    (void)state;
    memset(value, 'z', sizeof(value));
    memcpy(value + 500, " z", 2); /* or it would be a good word */
    value[sizeof(value) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        rejects(rows[i], value);
}

static void test_prefix(void **state)
{
    static const struct value_case cases[] = {
        {&prefix, "32, 64", "32, 64"},
        {&prefix, "1,1", "1, 1"},
        {&prefix, " 24 , 128 ", "24, 128"},
        {&prefix, "", NULL},
        {&prefix, "32", NULL},
        {&prefix, "32,", NULL},
        {&prefix, "32, 64, 1", NULL},
        {&prefix, "32 64", NULL},
        {&prefix, "/32, /64", NULL},
        {&prefix, "0, 64", NULL},
        {&prefix, "33, 64", NULL},
        {&prefix, "32, 0", NULL},
        {&prefix, "32, 129", NULL},
        {&prefix, "32, 64x", NULL},
        {&prefix, "288, 64", NULL}, /* 256 + 32 */
        {&prefix, "-1, 64", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

static void test_rate(void **state)
{
    static const struct value_case cases[] = {
        {&rate, "0", "0"},          {&rate, "0/min", "0"},
        {&rate, "20/s", "20/s"},    {&rate, "600/min", "600/min"},
        {&rate, "007/h", "7/h"},    {&rate, "1000000/d", "1000000/d"},
        {&rate, "", NULL},          {&rate, "20", NULL},
        {&rate, "/s", NULL},        {&rate, "20/", NULL},
        {&rate, "20/sec", NULL},    {&rate, "20/ms", NULL},
        {&rate, "20 / s", NULL},    {&rate, "20/s20", NULL},
        {&rate, "2.5/s", NULL},     {&rate, "-1/s", NULL},
        {&rate, "1000001/s", NULL}, {&rate, "18446744073709551616/s", NULL},
    };

    (void)state;
    check(cases, ARRAY_SIZE(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_span),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_mode_that_is_decimal_is_asked_about),
        cmocka_unit_test(test_port),
        cmocka_unit_test(test_port_by_its_name),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_cidrs),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_a_long_bad_value_is_quoted_in_part),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
