/*
 * Reports, written and read: what a fork server of before an upgrade sends to the daemon of after
 * it is what this version sends, or is noticed.
 */
#include "base/macros.h"
#include "ipc/report.h"

#include "unit.h"

static struct report numbered(size_t i)
{
    return (struct report){.kind = 1 + (uint32_t)i % REPORT_HELD,
                           .pid = -(int32_t)i,
                           .job = UINT64_MAX - i,
                           .status = INT32_MAX - (int32_t)i};
}

/* Writes COUNT reports to BUF. Returns the length. */
static size_t encode(size_t count, void *buf)
{
    struct report list[REPORTS_MAX];

    for (size_t i = 0; i < count; i++)
        list[i] = numbered(i);
    return reports_encode(list, count, buf);
}

static void test_what_is_written_is_read(void **state)
{
    char buf[REPORTS_SIZE];
    struct report list[REPORTS_MAX];

    (void)state;
    for (size_t count = 0; count <= REPORTS_MAX; count++) {
        size_t len = encode(count, buf);
        assert_true(len <= sizeof(buf));
        assert_int_equal(reports_decode(list, buf, len), count);
        for (size_t i = 0; i < count; i++) {
            struct report expected = numbered(i);
            assert_memory_equal(&list[i], &expected, sizeof(expected));
        }
    }
}

/* The numbers are part of the protocol between versions, and must not change. */
static void test_format(void **state)
{
    static const struct report report = {
        .kind = REPORT_ENDED, .pid = 0x01020304, .job = UINT64_C(0x1112131415161718), .status = 9};
    const uint32_t words[] = {1, 1, 4, 0x01020304, 0, 0, 9, 0};
    char buf[REPORTS_SIZE], expected[sizeof(words)];

    (void)state;
    memcpy(expected, words, sizeof(words));
    memcpy(expected + 16, &report.job, sizeof(report.job));
    assert_int_equal(reports_encode(&report, 1, buf), sizeof(expected));
    assert_memory_equal(buf, expected, sizeof(expected));
    assert_int_equal(REPORT_PROTECTION, 1);
    assert_int_equal(REPORT_HELD, 6);
}

static void test_cut_or_longer(void **state)
{
    char buf[REPORTS_SIZE + 1];
    struct report list[REPORTS_MAX];

    (void)state;
    for (size_t count = 0; count <= REPORTS_MAX; count += 21) {
        size_t len = encode(count, buf);
        for (size_t cut = 0; cut <= len + 1; cut++)
            assert_int_equal(reports_decode(list, buf, cut), cut == len ? (int)count : -EPROTO);
    }
}

static void test_other_version(void **state)
{
    char buf[REPORTS_SIZE];
    struct report list[REPORTS_MAX];
    size_t len = encode(2, buf);

    (void)state;
    for (uint32_t version = 0; version < 10; version++) {
        memcpy(buf, &version, sizeof(version));
        assert_int_equal(reports_decode(list, buf, len), version == 1 ? 2 : -EPROTO);
    }
}

static void test_wrong_count(void **state)
{
    static const uint32_t counts[] = {0, 1, 3, REPORTS_MAX + 1, UINT32_MAX, 0xaaaaaaac};
    char buf[REPORTS_SIZE];
    struct report list[REPORTS_MAX];
    size_t len = encode(2, buf);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        memcpy(buf + sizeof(uint32_t), &counts[i], sizeof(counts[i]));
        assert_int_equal(reports_decode(list, buf, len), -EPROTO);
    }
}

static void test_names_of_protections(void **state)
{
    (void)state;
    for (unsigned a = 0; a < PROTECTION_COUNT; a++) {
        assert_string_not_equal(protection_name(a), "?");
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(protection_name(a), protection_name(b));
    }
    assert_string_equal(protection_name(PROTECTION_SECCOMP), "seccomp");
    assert_string_equal(protection_name(PROTECTION_COUNT), "?");
    assert_string_equal(protection_name(UINT32_MAX), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_cut_or_longer),
        cmocka_unit_test(test_other_version),
        cmocka_unit_test(test_wrong_count),
        cmocka_unit_test(test_names_of_protections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
