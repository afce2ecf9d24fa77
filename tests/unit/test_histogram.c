/*
 * The histograms of sessions: the bucket of a value, and the handover.
 */
#include "daemon/session/histogram.h"

#include "base/macros.h"

#include "unit.h"

static const struct histogram_row *const duration = &histogram_table[0];
static const struct histogram_row *const rtt = &histogram_table[1];

static void test_bounds_are_logarithmic(void **state)
{
    static const uint64_t first[] = {100, 200, 500, 1000, 2000, 5000, 10000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(first); i++)
        assert_int_equal(histogram_bound(duration, i), first[i]);
    assert_int_equal(histogram_bound(duration, duration->bounds - 1), UINT64_C(100000000000));
    assert_int_equal(histogram_bound(rtt, 0), 10);
    assert_int_equal(histogram_bound(rtt, rtt->bounds - 1), 10000000);
    for (size_t h = 0; h < histogram_count; h++) {
        const struct histogram_row *row = &histogram_table[h];
        assert_true(row->bounds <= HISTOGRAM_BOUNDS_MAX);
        for (unsigned i = 1; i < row->bounds; i++)
            assert_true(histogram_bound(row, i) > histogram_bound(row, i - 1));
        assert_true(histogram_bound(row, row->bounds) == UINT64_MAX);
    }
}

static void test_a_bound_belongs_to_its_bucket(void **state)
{
    struct histograms all = {0};

    (void)state;
    histograms_add_duration(&all, 0);
    histograms_add_duration(&all, 100);
    histograms_add_duration(&all, 101);
    histograms_add_duration(&all, UINT64_C(100000000000));
    histograms_add_duration(&all, UINT64_C(100000000001));
    assert_int_equal(all.duration.count[0], 2);
    assert_int_equal(all.duration.count[1], 1);
    assert_int_equal(all.duration.count[duration->bounds - 1], 1);
    assert_int_equal(all.duration.count[duration->bounds], 1);
    assert_int_equal(all.duration.sum, UINT64_C(200000000202));
    histograms_add_rtt(&all, 11);
    histograms_add_rtt(&all, UINT64_MAX - 20);
    assert_int_equal(all.rtt.count[1], 1);
    assert_int_equal(all.rtt.count[rtt->bounds], 1);
    assert_int_equal(all.rtt.sum, UINT64_MAX - 9);
}

/* Has ALL read what FROM writes. */
static void pass_on(struct histograms *all, const struct histograms *from)
{
    char *text = NULL, *line, *rest;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    histograms_write(from, to);
    fclose(to);
    for (rest = text; (line = strsep(&rest, "\n")) != NULL && *line;)
        assert_int_equal(histograms_read(all, line), 0);
    free(text);
}

static void test_counts_are_handed_over(void **state)
{
    struct histograms from = {0}, to = {0};

    (void)state;
    for (unsigned i = 0; i <= duration->bounds; i++)
        from.duration.count[i] = i % 3 ? UINT64_MAX - i : 0;
    for (unsigned i = 0; i <= rtt->bounds; i++)
        from.rtt.count[i] = i;
    from.duration.sum = UINT64_MAX;
    from.rtt.sum = 1;
    pass_on(&to, &from);
    assert_memory_equal(&to, &from, sizeof(to));
}

static void test_other_bounds_of_another_version(void **state)
{
    struct histograms all = {0};

    (void)state;
    assert_int_equal(histograms_read(&all, "histogram duration 1 2"), 0);
    assert_int_equal(histograms_read(&all, "histogram duration 150 3"), 0);
    assert_int_equal(histograms_read(&all, "histogram duration 200 4"), 0);
    assert_int_equal(histograms_read(&all, "histogram duration 18446744073709551615 5"), 0);
    assert_int_equal(all.duration.count[0], 2);
    assert_int_equal(all.duration.count[1], 7);
    assert_int_equal(all.duration.count[duration->bounds], 5);
    assert_int_equal(histograms_read(&all, "histogram bytes 1 2"), 0); /* an unknown histogram */
}

static void test_nonsense(void **state)
{
    static const char *const lines[] = {
        "histogram ",           "histogram duration",     "histogram duration sum",
        "histogram duration 1", "histogram duration x 1", "histogram duration sum x",
        "histogram rtt -1 1",   "histogram rtt 1x 1",     "histogram rtt 99999999999999999999 1",
    };
    struct histograms all = {0};
    static const struct histograms none;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        if (histograms_read(&all, lines[i]) != -EPROTO)
            fail_msg("%s is taken", lines[i]);
    assert_memory_equal(&all, &none, sizeof(all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_are_logarithmic),
        cmocka_unit_test(test_a_bound_belongs_to_its_bucket),
        cmocka_unit_test(test_counts_are_handed_over),
        cmocka_unit_test(test_other_bounds_of_another_version),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
