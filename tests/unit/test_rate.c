#include "base/clock.h"
#include "base/macros.h"
#include "net/rate.h"

#include "unit.h"

#define SETS 4
#define START (1000 * USEC_PER_SEC)

static struct rate_bucket memory[SETS * RATE_WAYS];
static struct rate_table table = {.buckets = memory, .sets = SETS};

static int empty_table(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    table.seed = hash_seed_new();
    return 0;
}

static struct source_key numbered(uint32_t n)
{
    struct source_key key = {.family = AF_INET};

    memcpy(key.bytes, &n, sizeof(n));
    return key;
}

/* Returns how many of TRIES tokens source N gets at NOW. */
static unsigned taken(const struct rate *rate, uint32_t n, uint64_t now, unsigned tries)
{
    struct source_key source = numbered(n);
    unsigned count = 0;

    for (unsigned i = 0; i < tries; i++)
        count += rate_take(&table, rate, &source, now) == 0;
    return count;
}

static uint64_t wait_of(const struct rate *rate, uint32_t n, uint64_t now)
{
    struct source_key source = numbered(n);

    return rate_wait(&table, rate, &source, now);
}

static void test_burst_then_rate(void **state)
{
    static const struct rate rate = {.count = 10, .interval = USEC_PER_SEC};

    (void)state;
    assert_int_equal(taken(&rate, 1, START, 50), 10);
    assert_int_equal(taken(&rate, 1, START + 99999, 50), 0);
    assert_int_equal(taken(&rate, 1, START + 100000, 50), 1);
    assert_int_equal(taken(&rate, 1, START + 350000, 50), 2);
    assert_int_equal(taken(&rate, 1, START + 400000, 50), 1); /* the remaining half counts */
}

static void test_recovers_at_the_rate_under_load(void **state)
{
    static const struct rate rate = {.count = 60, .interval = 60 * USEC_PER_SEC};
    unsigned count = 0;

    (void)state;
    for (unsigned tick = 0; tick < 60000; tick++) /* every millisecond for a minute */
        count += taken(&rate, 1, START + tick * USEC_PER_MSEC, 1);
    assert_int_equal(count, 60 + 59);
    assert_int_equal(taken(&rate, 1, START + 120 * USEC_PER_SEC, 100), 60);
    assert_int_equal(taken(&rate, 1, START + 1000 * USEC_PER_SEC, 100), 60); /* and not more */
}

static void test_wait_is_when_the_next_one_is_there(void **state)
{
    static const struct rate rates[] = {
        {.count = 1, .interval = USEC_PER_SEC},
        {.count = 3, .interval = USEC_PER_SEC},
        {.count = 7, .interval = 60 * USEC_PER_SEC},
        {.count = RATE_COUNT_MAX, .interval = RATE_INTERVAL_MIN},
        {.count = 999983, .interval = 86400 * USEC_PER_SEC},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
        empty_table(state);
        assert_int_equal(wait_of(&rates[i], 1, START), 0);
        assert_int_equal(taken(&rates[i], 1, START, RATE_COUNT_MAX + 5), rates[i].count);
        uint64_t wait = wait_of(&rates[i], 1, START);
        assert_in_range(wait, 1, rates[i].interval / rates[i].count + 1);
        assert_int_equal(wait_of(&rates[i], 1, START), wait); /* a query changes nothing */
        assert_int_equal(taken(&rates[i], 1, START + wait - 1, 1), 0);
        assert_int_equal(taken(&rates[i], 1, START + wait, 1), 1);
    }
}

static void test_sources_are_apart(void **state)
{
    static const struct rate rate = {.count = 5, .interval = USEC_PER_SEC};
    struct source_key v4 = numbered(1), v6 = v4;

    (void)state;
    v6.family = AF_INET6;
    assert_int_equal(taken(&rate, 1, START, 9), 5);
    assert_int_equal(taken(&rate, 2, START, 9), 5);
    assert_int_equal(rate_take(&table, &rate, &v6, START), 0);
    assert_int_not_equal(rate_take(&table, &rate, &v4, START), 0);
}

static void test_no_limit(void **state)
{
    static const struct rate none = {.count = 0, .interval = USEC_PER_SEC},
                             some = {.count = 1, .interval = USEC_PER_SEC};
    struct rate_table no_table = {0};
    struct source_key source = numbered(1);

    (void)state;
    assert_int_equal(taken(&none, 1, START, 1000), 1000);
    for (int i = 0; i < 10; i++)
        assert_int_equal(rate_take(&no_table, &some, &source, START), 0);
    assert_int_equal(wait_of(&some, 1, START), 0); /* without a limit, it has no bucket */
}

/* With a thousand times more sources than places, no source is excluded by others. */
static void test_many_sources_exclude_no_other(void **state)
{
    static const struct rate rate = {.count = 2, .interval = USEC_PER_SEC};

    (void)state;
    for (uint32_t n = 0; n < 1000 * SETS * RATE_WAYS; n++)
        assert_int_equal(taken(&rate, n, START + n, 2), 2);
}

/* A busy source keeps its bucket while others come and go. */
static void test_the_busiest_is_remembered(void **state)
{
    static const struct rate rate = {.count = 100, .interval = USEC_PER_SEC};

    (void)state;
    assert_int_equal(taken(&rate, 0, START, 100), 100);
    for (uint32_t n = 1; n < 100 * SETS * RATE_WAYS; n++)
        taken(&rate, n, START, 1);
    assert_int_equal(taken(&rate, 0, START, 1), 0);
}

/* Full buckets are reused first: no other bucket is dropped for a new one. */
static void test_full_buckets_are_reused_first(void **state)
{
    static const struct rate rate = {.count = 1, .interval = USEC_PER_SEC};
    struct rate_bucket few[RATE_WAYS] = {0};
    struct rate_table one_set = {.buckets = few, .sets = 1};

    (void)state;
    for (uint32_t n = 0; n < RATE_WAYS; n++) {
        struct source_key source = numbered(n);
        assert_int_equal(rate_take(&one_set, &rate, &source, START + n * 200 * USEC_PER_MSEC), 0);
    }
    uint64_t now = START + USEC_PER_SEC + 500 * USEC_PER_MSEC; /* 0, 1 and 2 are full again */
    for (uint32_t n = 100; n < 103; n++) {
        struct source_key source = numbered(n);
        assert_int_equal(rate_take(&one_set, &rate, &source, now), 0);
    }
    for (uint32_t n = 3; n < RATE_WAYS; n++) {
        struct source_key source = numbered(n);
        assert_int_not_equal(rate_wait(&one_set, &rate, &source, now), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_burst_then_rate, empty_table),
        cmocka_unit_test_setup(test_recovers_at_the_rate_under_load, empty_table),
        cmocka_unit_test_setup(test_wait_is_when_the_next_one_is_there, empty_table),
        cmocka_unit_test_setup(test_sources_are_apart, empty_table),
        cmocka_unit_test_setup(test_no_limit, empty_table),
        cmocka_unit_test_setup(test_many_sources_exclude_no_other, empty_table),
        cmocka_unit_test_setup(test_the_busiest_is_remembered, empty_table),
        cmocka_unit_test_setup(test_full_buckets_are_reused_first, empty_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
