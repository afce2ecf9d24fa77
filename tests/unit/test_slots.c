#include "daemon/session/slots.h"
#include "base/clock.h"

#include "unit.h"

#include <sys/stat.h>

static struct slots slots;

static int setup(void **state)
{
    (void)state;
    return slots_open(&slots, SLOTS_KEPT + 1);
}

static int teardown(void **state)
{
    (void)state;
    slots_close(&slots);
    return 0;
}

/* Returns how many pages of the slots take memory. */
static size_t resident(void)
{
    struct stat st;

    assert_int_equal(fstat(slots.memory, &st), 0);
    return (size_t)st.st_blocks * 512 / slots.page;
}

static void test_fresh(void **state)
{
    (void)state;
    assert_true(slots_next(&slots) == UINT64_MAX);
    slots_run(&slots, clock_now());
    assert_int_equal(resident(), 0);
}

/* A slot that was used is soon used again: its page is cleared, and kept for a second. */
static void test_kept_for_a_second(void **state)
{
    uint64_t before = clock_now();

    (void)state;
    slots_take(&slots, 0)->bytes_in = 862;
    slots_free(&slots, 0);
    assert_int_equal(slots_at(&slots, 0)->bytes_in, 0);
    slots_run(&slots, before);
    assert_int_equal(resident(), 1);
    assert_in_range(slots_next(&slots), before + USEC_PER_SEC, clock_now() + USEC_PER_SEC);
    slots_run(&slots, slots_next(&slots));
    assert_int_equal(resident(), 0);
    assert_true(slots_next(&slots) == UINT64_MAX);
}

/* What is in use again is not given back. */
static void test_taken_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        slots_take(&slots, i);
        slots_free(&slots, i);
    }
    slots_take(&slots, 1)->bytes_in = 862;
    slots_run(&slots, slots_next(&slots));
    assert_int_equal(slots_at(&slots, 1)->bytes_in, 862);
    assert_int_equal(resident(), 1);
}

/* Only a limited number of pages is kept. */
static void test_given_back_at_once(void **state)
{
    (void)state;
    slots_take(&slots, SLOTS_KEPT);
    assert_int_equal(resident(), 1);
    slots_free(&slots, SLOTS_KEPT);
    assert_int_equal(resident(), 0);
    assert_true(slots_next(&slots) == UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fresh),
        TEST(test_kept_for_a_second),
        TEST(test_taken_again),
        TEST(test_given_back_at_once),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
