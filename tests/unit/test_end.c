#include "ipc/end.h"

#include "unit.h"

#include <syslog.h>

static void test_every_end_has_a_meaning(void **state)
{
    (void)state;
    for (int end = END_CLOSED; end <= END_VANISHED; end++) {
        const struct end_meaning *meaning = end_meaning(end);
        assert_non_null(meaning);
        assert_int_equal(meaning->end, end);
        assert_true(strlen(meaning->name) > 0 && !strchr(meaning->name, ' '));
        assert_true(strlen(meaning->clause) > 10);
        assert_in_range(meaning->priority, LOG_ERR, LOG_INFO);
    }
}

static void test_names_and_clauses_differ(void **state)
{
    (void)state;
    for (int a = END_CLOSED; a <= END_VANISHED; a++) {
        for (int b = END_CLOSED; b < a; b++) {
            assert_string_not_equal(end_meaning(a)->name, end_meaning(b)->name);
            assert_string_not_equal(end_meaning(a)->clause, end_meaning(b)->clause);
        }
    }
}

static void test_no_other_status_has_one(void **state)
{
    (void)state;
    for (int status = -1; status <= 255; status++)
        if (status < END_CLOSED || status > END_VANISHED)
            assert_null(end_meaning(status));
}

static void test_faults_are_worth_more_than_a_note(void **state)
{
    (void)state;
    assert_int_equal(end_meaning(END_CLOSED)->priority, LOG_INFO);
    assert_int_equal(end_meaning(END_IDLE)->priority, LOG_INFO);
    assert_true(end_meaning(END_IO)->priority <= LOG_WARNING);
    assert_int_equal(end_meaning(END_NOT_STORED)->priority, LOG_ERR);
    assert_int_equal(end_meaning(END_SETUP)->priority, LOG_ERR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_end_has_a_meaning),
        cmocka_unit_test(test_names_and_clauses_differ),
        cmocka_unit_test(test_no_other_status_has_one),
        cmocka_unit_test(test_faults_are_worth_more_than_a_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
