#include "config/options.h"

#include "unit.h"

union any_field {
    uint64_t number;
    struct text text;
    struct words words;
    struct cidrs cidrs;
    struct source_prefix prefix;
    struct rate rate;
};

static void test_names_are_unique_in_their_section(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_count; i++)
        assert_ptr_equal(option_find(option_table[i].section, option_table[i].name),
                         &option_table[i]);
}

static void test_defaults_parse_and_format_back(void **state)
{
    char reason[REASON_MAX] = "", text[VALUE_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        union any_field field = {0};
        assert_int_equal(option_parse(row, row->fallback, &field, reason), 0);
        option_format(row, &field, text, sizeof(text));
        assert_string_equal(text, row->fallback);
        if (row->type->clear)
            row->type->clear(&field);
    }
}

static void test_fields_do_not_overlap(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_count; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(option_table[i].section == option_table[j].section &&
                         option_table[i].offset == option_table[j].offset);
}

static void test_choices_hold_the_default_and_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        bool found = false;
        assert_int_equal(row->rule.choices != NULL, row->type == &type_choice);
        for (const struct choice *c = row->rule.choices; c && c->name; c++) {
            found = found || (strcmp(c->name, row->fallback) == 0);
            assert_ptr_equal(choice_of(&row->rule, c->value), c);
        }
        assert_true(found || !row->rule.choices);
    }
}

static void test_ranges_are_ordered(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        bool ordered = row->type == &type_count || row->type == &type_size ||
                       row->type == &type_duration || row->type == &type_mode ||
                       row->type == &type_port;
        assert_true(row->rule.min <= row->rule.max);
        assert_int_equal(row->rule.max > 0, ordered);
    }
}

static void test_help_is_one_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const char *help = option_table[i].help;
        assert_non_null(help);
        assert_null(strpbrk(help, "\n\t"));
        assert_true(strlen(help) > 1 && help[strlen(help) - 1] == '.');
        assert_true(strlen(help) < 100);
    }
}

static void test_conditions_name_options_and_values(void **state)
{
    char reason[REASON_MAX];

    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (!row->with) {
            assert_true(!row->if_value && !row->unless);
            continue;
        }
        const struct option_row *other = option_find(row->section, row->with);
        union any_field field = {0};
        assert_non_null(other);
        assert_null(other->with); /* no chains: option_is_idle() does not follow them */
        assert_int_equal(!row->if_value, row->unless != NULL);
        char *words = text_copy(row->if_value ? row->if_value : row->unless), *rest = words, *word;
        while ((word = strsep(&rest, " |")) != NULL)
            if (*word)
                assert_int_equal(option_parse(other, word, &field, reason), 0);
        free(words);
    }
}

static void test_find_distinguishes_sections(void **state)
{
    (void)state;
    assert_non_null(option_find(SECTION_SERVER, "max_clients"));
    assert_null(option_find(SECTION_LISTEN, "max_clients"));
    assert_null(option_find(SECTION_SERVER, "port"));
    assert_null(option_find(SECTION_SERVER, ""));
    assert_null(option_find(SECTION_SERVER, "max_client"));
    assert_ptr_equal(option_find_anywhere("port"), option_find(SECTION_LISTEN, "port"));
    assert_ptr_equal(option_find_anywhere("log_level"), option_find(SECTION_SERVER, "log_level"));
    assert_null(option_find_anywhere("ports"));
}

static void test_nearest(void **state)
{
    static const struct {
        enum section_kind kind;
        const char *name, *nearest;
    } cases[] = {
        {SECTION_SERVER, "max_client", "max_clients"},
        {SECTION_SERVER, "max_cleints", "max_clients"},
        {SECTION_SERVER, "idletimeout", "idle_timeout"},
        {SECTION_LISTEN, "adress", "address"},
        {SECTION_LISTEN, "pot", "port"},
        {SECTION_LISTEN, "PORT", "port"},
        {SECTION_LISTEN, "prot", "port"},
        {SECTION_LISTEN, "proto", "protocol"},
        {SECTION_LISTEN, "addr", "address"},
        {SECTION_LISTEN, "GREET", "greeting"},
        {SECTION_LISTEN, "max", NULL}, /* ambiguous */
        {SECTION_LISTEN, "pr", NULL},
        {SECTION_SERVER, "moni", "monitor"},
        {SECTION_LISTEN, "max_messagess", "max_messages"},
        {SECTION_LISTEN, "xx_message", "max_message"},
        {SECTION_LISTEN, "zzz", NULL},
        {SECTION_LISTEN, "", NULL},
        {SECTION_LISTEN, "max_client", NULL},
        {SECTION_SERVER, "adress", NULL},
        {SECTION_SERVER, "a_name_that_is_longer_than_inih_would_ever_tell_of_anything", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct option_row *row = option_nearest(cases[i].kind, cases[i].name);
        if (cases[i].nearest)
            assert_string_equal(row ? row->name : "(none)", cases[i].nearest);
        else
            assert_null(row);
    }
}

static void range_is(enum section_kind kind, const char *name, const char *expected)
{
    char range[VALUE_TEXT_MAX];

    const struct option_row *row = option_find(kind, name);

    value_range(row->type, &row->rule, range, sizeof(range));
    assert_string_equal(range, expected);
}

static void test_ranges_for_people(void **state)
{
    (void)state;
    range_is(SECTION_SERVER, "when_full", "refuse | queue");
    range_is(SECTION_SERVER, "drain_timeout", "0 to 1d");
    range_is(SECTION_LISTEN, "max_message", "1 to 65536");
    range_is(SECTION_LISTEN, "port", "0 to 65535");
    range_is(SECTION_LISTEN, "mode", "0000 to 0777");
    range_is(SECTION_LISTEN, "address", "");
}

static void test_list_has_a_line_of_six_fields_per_option(void **state)
{
    char *text = NULL;
    size_t size = 0, lines = 0, tabs = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    option_list(out);
    fclose(out);
    for (const char *p = text; *p; p++) {
        lines += *p == '\n';
        tabs += *p == '\t';
    }
    assert_int_equal(lines, option_count);
    assert_int_equal(tabs, 5 * option_count);
    assert_non_null(strstr(text, "server\tmax_clients\tnumber\t1000\t1 to 100000\tMaximum "));
    assert_non_null(strstr(text, "\nlisten NAME\tgreeting\ttext\t\t\tSent "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_unique_in_their_section),
        cmocka_unit_test(test_defaults_parse_and_format_back),
        cmocka_unit_test(test_fields_do_not_overlap),
        cmocka_unit_test(test_choices_hold_the_default_and_differ),
        cmocka_unit_test(test_ranges_are_ordered),
        cmocka_unit_test(test_help_is_one_sentence),
        cmocka_unit_test(test_conditions_name_options_and_values),
        cmocka_unit_test(test_find_distinguishes_sections),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_ranges_for_people),
        cmocka_unit_test(test_list_has_a_line_of_six_fields_per_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
