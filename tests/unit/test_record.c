#include "log/record.h"

#include "base/escape.h"

#include "unit.h"

#include <syslog.h>

/* Returns the value of NAME in RECORD. */
static const char *get(const struct record *record, const char *name)
{
    return record_get(record->data, record->used, name);
}

static size_t count_fields(const char *data, size_t len)
{
    size_t count = 0;

    for (const char *f = NULL; (f = record_next(data, len, f)) != NULL;)
        count++;
    return count;
}

static void test_start(void **state)
{
    char buf[RECORD_MAX];
    struct record record;
    int year, month, day, hour, minute, second, millisecond, end = 0;

    (void)state;
    record_start(&record, buf, sizeof(buf), LOG_WARNING, "%s is %d", "x", 5);
    assert_string_equal(get(&record, "PRIORITY"), "4");
    assert_string_equal(get(&record, "MESSAGE"), "x is 5");
    const char *when = get(&record, "ECHOD_TIME");
    assert_int_equal(sscanf(when, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day, &hour,
                            &minute, &second, &millisecond, &end),
                     7);
    assert_int_equal(when[end], '\0');
    assert_int_equal(end, 24);
    assert_int_equal(count_fields(record.data, record.used), 3);
}

static void test_add(void **state)
{
    char buf[RECORD_MAX];
    struct record record;

    (void)state;
    record_start(&record, buf, sizeof(buf), LOG_INFO, "m");
    record_add(&record, "ECHOD_A", "%d", 7);
    record_add(&record, "ECHOD_EMPTY", "%s", "");
    record_add(&record, "ECHOD_B", "%s", "x=y");
    assert_string_equal(get(&record, "ECHOD_A"), "7");
    assert_string_equal(get(&record, "ECHOD_EMPTY"), "");
    assert_string_equal(get(&record, "ECHOD_B"), "x=y");
    assert_null(get(&record, "ECHOD"));
    assert_null(get(&record, "CHOD_A"));
    assert_null(get(&record, "x"));
    assert_int_equal(record.data[record.used - 1], '\0');
    assert_int_equal(count_fields(record.data, record.used), 6);
}

static void test_numbers(void **state)
{
    char buf[sizeof("PRIORITY=6") + sizeof("A=1")];
    struct record record = {.data = buf, .size = sizeof(buf)};

    (void)state;
    record_add(&record, "PRIORITY", "%d", 6);
    record_add_number(&record, "A", 10); /* there is no room for the second digit */
    assert_null(get(&record, "A"));
    record_add_number(&record, "A", 0);
    assert_string_equal(get(&record, "A"), "0");
    assert_int_equal(record.used, sizeof(buf));

    char more[RECORD_MAX];
    record = (struct record){.data = more, .size = sizeof(more)};
    record_add_number(&record, "A", UINT64_MAX);
    record_add_number(&record, "B", 1000);
    assert_string_equal(get(&record, "A"), "18446744073709551615");
    assert_string_equal(get(&record, "B"), "1000");
    assert_int_equal(count_fields(record.data, record.used), 2);
}

static void test_events_have_names_and_ids_of_their_own(void **state)
{
    char buf[RECORD_MAX];
    struct record record;

    (void)state;
    for (int e = 0; e < EVENT_COUNT; e++) {
        const struct event_meaning *meaning = event_meaning((enum event)e);
        assert_int_equal(strspn(meaning->id, "0123456789abcdef"), 32);
        assert_int_equal(strlen(meaning->id), 32);
        for (int other = 0; other < e; other++) {
            assert_string_not_equal(meaning->name, event_meaning((enum event)other)->name);
            assert_string_not_equal(meaning->id, event_meaning((enum event)other)->id);
        }
        record_start(&record, buf, sizeof(buf), LOG_INFO, "m");
        record_event(&record, (enum event)e);
        assert_string_equal(get(&record, "ECHOD_EVENT"), meaning->name);
        assert_string_equal(get(&record, "MESSAGE_ID"), meaning->id);
    }
}

/* With every size of the buffer, the record is valid and within the buffer. */
static void test_what_does_not_fit_is_left_out(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 250; size++) {
        char *buf = malloc(size);
        struct record record;
        record_start(&record, buf, size, LOG_INFO, "a message");
        record_add(&record, "ECHOD_LONG", "%s", "0123456789");
        record_add_escaped(&record, "ECHOD_FIELD=0123456789", NULL);
        record_add(&record, "ECHOD_S", "%d", 1);
        assert_true(record.used <= size);
        const char *longer = get(&record, "ECHOD_LONG"), *field = get(&record, "ECHOD_FIELD"),
                   *message = get(&record, "MESSAGE");
        assert_true(!longer || strcmp(longer, "0123456789") == 0);
        assert_true(!field || strcmp(field, "0123456789") == 0);
        assert_true(!message || strncmp(message, "a message", strlen(message)) == 0);
        assert_true(size < 200 || (longer && field && get(&record, "ECHOD_S")));
        free(buf);
    }
}

static void test_long_values_are_escaped_in_place(void **state)
{
    char buf[RECORD_MAX];
    struct record record;

    (void)state;
    record_start(&record, buf, sizeof(buf), LOG_INFO, "from %s: ", "me");
    record_append(&record, "a\0\n\\\xff", 5, "\t");
    assert_string_equal(get(&record, "MESSAGE"), "from me: a\\x00\\x0a\\\\\\xff");
    record_append(&record, "\tz", 2, "\t");
    assert_string_equal(get(&record, "MESSAGE"), "from me: a\\x00\\x0a\\\\\\xff\tz");
    record_add_escaped(&record, "A=\\x\n", "\\");
    assert_string_equal(get(&record, "A"), "\\x\\x0a");
    assert_int_equal(count_fields(record.data, record.used), 4);
    /* A field that might not fit is omitted completely. */
    record.size = record.used + ESCAPED_SIZE(3) - 1;
    record_add_escaped(&record, "B=1", NULL);
    record_append(&record, "\1\2\3", 4, NULL);
    assert_null(get(&record, "B"));
    assert_string_equal(get(&record, "A"), "\\x\\x0a");
    record.size++;
    record_add_escaped(&record, "B=1", NULL);
    assert_string_equal(get(&record, "B"), "1");
}

static void test_the_last_field_fills_the_buffer(void **state)
{
    char buf[RECORD_MAX];
    struct record record;

    (void)state;
    record_start(&record, buf, sizeof(buf), LOG_INFO, "m");
    record.size = record.used + strlen("A=12") + 1;
    record_add(&record, "A", "%d", 123);
    assert_null(get(&record, "A"));
    record_add(&record, "A", "%d", 12);
    assert_string_equal(get(&record, "A"), "12");
    assert_int_equal(record.used, record.size);
    record_add(&record, "", "%s", "");
    record_add_escaped(&record, "", NULL);
    assert_int_equal(record.used, record.size);
}

static void test_a_message_that_is_too_long_is_cut(void **state)
{
    char buf[80];
    struct record record;

    (void)state;
    record_start(&record, buf, sizeof(buf), LOG_INFO, "%0200d", 0);
    assert_int_equal(record.used, sizeof(buf));
    assert_int_equal(strspn(get(&record, "MESSAGE"), "0"), strlen(get(&record, "MESSAGE")));
    assert_true(strlen(get(&record, "MESSAGE")) > 10);
    assert_non_null(get(&record, "PRIORITY"));
}

/* A value cannot forge a field or a line. */
static void test_control_characters_are_replaced(void **state)
{
    char buf[RECORD_MAX];
    struct record record;

    (void)state;
    record_start(&record, buf, sizeof(buf), LOG_INFO, "a\nPRIORITY=0\x1b[m\x7f");
    record_add(&record, "ECHOD_A", "x\ny%c", '\r');
    record_add(&record, "ECHOD_B", "%s", "\n\x01\xc3\xa4");
    assert_string_equal(get(&record, "MESSAGE"), "a?PRIORITY=0?[m?");
    assert_string_equal(get(&record, "PRIORITY"), "6");
    assert_string_equal(get(&record, "ECHOD_A"), "x?y?");
    assert_string_equal(get(&record, "ECHOD_B"), "??\xc3\xa4");
}

/* Many terminals interpret C1 like ESC; U+202E reverses the text after it. */
static void test_other_formatting_characters_are_replaced(void **state)
{
    char buf[RECORD_MAX];
    struct record record;

    (void)state;
    record_start(&record, buf, sizeof(buf), LOG_INFO,
                 "\xc2\x9b"
                 "2J\xff\tback\\slash");
    record_add(&record, "ECHOD_A", "%s", "\xe2\x80\xae!");
    record_add(&record, "ECHOD_B", "%s", "\xe2\x80\xa8\xe2\x82\xac");
    assert_string_equal(get(&record, "MESSAGE"), "??2J?\tback\\slash");
    assert_string_equal(get(&record, "ECHOD_A"), "???"
                                                 "!");
    assert_string_equal(get(&record, "ECHOD_B"), "???\xe2\x82\xac");
}

/* With half a character, the journal would show the whole message as a blob. */
static void test_what_is_cut_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t size = 70; size < 76; size++) {
        char buf[80];
        struct record record;
        record_start(&record, buf, size, LOG_INFO, "%s",
                     "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
                     "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
        assert_int_equal(record.used, size);
        const char *message = get(&record, "MESSAGE");
        size_t whole = strlen(message) / 3 * 3;
        assert_true(whole > 0 && memcmp(message + whole - 3, "\xe2\x82\xac", 3) == 0);
        assert_int_equal(strspn(message + whole, "?"), strlen(message) % 3);
    }
}

static void test_bytes_that_are_no_record(void **state)
{
    static const char open_end[] = {'A', '=', '1', '\0', 'B', '=', '2'};

    (void)state;
    assert_null(record_next("", 0, NULL));
    assert_null(record_get("", 0, "A"));
    assert_null(record_next(open_end, sizeof(open_end), NULL));
    assert_null(record_get(open_end, sizeof(open_end), "A"));
    assert_int_equal(count_fields("\0\0", 2), 2); /* empty fields without names */
    assert_null(record_get("\0\0", 2, "A"));
    assert_null(record_get("A", 2, "A"));
    assert_string_equal(record_get("=1", 3, ""), "1");
}

static void test_fields_come_in_order(void **state)
{
    static const char data[] = "A=1\0B\0A=2";
    const char *f = record_next(data, sizeof(data), NULL);

    (void)state;
    assert_string_equal(f, "A=1");
    f = record_next(data, sizeof(data), f);
    assert_string_equal(f, "B");
    f = record_next(data, sizeof(data), f);
    assert_string_equal(f, "A=2");
    assert_null(record_next(data, sizeof(data), f));
    assert_string_equal(record_get(data, sizeof(data), "A"), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_events_have_names_and_ids_of_their_own),
        cmocka_unit_test(test_what_does_not_fit_is_left_out),
        cmocka_unit_test(test_long_values_are_escaped_in_place),
        cmocka_unit_test(test_the_last_field_fills_the_buffer),
        cmocka_unit_test(test_a_message_that_is_too_long_is_cut),
        cmocka_unit_test(test_control_characters_are_replaced),
        cmocka_unit_test(test_other_formatting_characters_are_replaced),
        cmocka_unit_test(test_what_is_cut_is_cut_between_characters),
        cmocka_unit_test(test_bytes_that_are_no_record),
        cmocka_unit_test(test_fields_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
