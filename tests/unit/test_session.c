/*
 * Which ends of a worker are crashes.
 */
#include "daemon/session.h"

#include "worker/end.h"

#include "unit.h"

#include <signal.h>

/* As wait(2) tells it. */
static int exited(int status)
{
    return status << 8;
}

static void test_exits_that_workers_choose_are_no_crashes(void **state)
{
    (void)state;
    assert_false(session_crashed(exited(END_CLOSED), false));
    assert_false(session_crashed(exited(END_IO), true));
    assert_true(session_crashed(exited(0), false));
    assert_true(session_crashed(exited(1), true)); /* a sanitizer's */
}

static void test_of_signals_only_the_kill_that_was_asked_for_is_none(void **state)
{
    (void)state;
    assert_false(session_crashed(SIGKILL, true));
    assert_true(session_crashed(SIGKILL, false));
    assert_true(session_crashed(SIGSEGV, false));
    assert_true(session_crashed(SIGSEGV, true));
    assert_true(session_crashed(SIGTERM, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exits_that_workers_choose_are_no_crashes),
        cmocka_unit_test(test_of_signals_only_the_kill_that_was_asked_for_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
