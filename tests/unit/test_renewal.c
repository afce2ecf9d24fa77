/*
 * How soon a new fork server follows a crash.
 */
#include "base/clock.h"
#include "daemon/supervise/renewal.h"

#include "daemon/supervise/fork_servers.h"

#include "unit.h"

#define NOW (1000 * USEC_PER_SEC)
#define BURST 8
#define INTERVAL (3 * USEC_PER_SEC)

static void test_some_at_once_then_one_in_a_while(void **state)
{
    uint64_t full_at = 0;

    (void)state;
    for (int i = 0; i < BURST; i++)
        assert_int_equal(renewal_time(&full_at, NOW), NOW);
    for (uint64_t i = 1; i <= 10; i++)
        assert_int_equal(renewal_time(&full_at, NOW + (i - 1) * INTERVAL + 1), NOW + i * INTERVAL);
}

static void test_idle_time_restores_the_burst(void **state)
{
    uint64_t full_at = 0, later = NOW + BURST * INTERVAL;

    (void)state;
    for (int i = 0; i < BURST; i++)
        renewal_time(&full_at, NOW);
    for (int i = 0; i < BURST; i++)
        assert_int_equal(renewal_time(&full_at, later), later);
    assert_int_equal(renewal_time(&full_at, later), later + INTERVAL);
    /* Not more after years. */
    later += UINT64_C(100000000) * USEC_PER_SEC;
    for (int i = 0; i < BURST; i++)
        assert_int_equal(renewal_time(&full_at, later), later);
    assert_int_equal(renewal_time(&full_at, later), later + INTERVAL);
}

/* ---- as fork servers are started ---- */

/* Returns how many fork servers start in an hour if a worker crashes each PERIOD. */
static uint64_t started(uint64_t period)
{
    const uint64_t hour = 3600 * USEC_PER_SEC;
    struct fork_servers fs = FORK_SERVERS_NONE;
    uint64_t count = 0;

    fs.current = 1;
    for (uint64_t now = NOW; now < NOW + hour; now += period) {
        while (fs.renew_at < now) { /* between crashes */
            fs.renew_at = UINT64_MAX;
            count++;
        }
        fork_servers_renew(&fs, 1, now);
        assert_true(fork_servers_next(&fs) <= fs.renew_at);
        if (fs.renew_at > now)
            continue;
        fs.renew_at = UINT64_MAX;
        count++;
    }
    return count;
}

/* Layouts that can be tried are few, however many crashes there are; and with few of these, each
 * leads to a fresh one. */
static void test_crashes_over_an_hour(void **state)
{
    (void)state;
    assert_in_range(started(USEC_PER_MSEC), 1200, 1200 + BURST);
    assert_in_range(started(7 * USEC_PER_MSEC + 1), 1200, 1200 + BURST);
    assert_in_range(started(1700 * USEC_PER_MSEC), 1200, 1200 + BURST);
    assert_int_equal(started(4 * USEC_PER_SEC), 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_some_at_once_then_one_in_a_while),
        cmocka_unit_test(test_idle_time_restores_the_burst),
        cmocka_unit_test(test_crashes_over_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
