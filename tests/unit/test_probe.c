#include "base/macros.h"
#include "client/probe/probe.h"

#include "unit.h"

#include <endian.h>
#include <string.h>

#define RUN 0x12345678

static const struct probe usual = {.run = RUN, .seq = 7, .size = 56, .time = 123456789};

static void test_checksum(void **state)
{
    uint8_t buf[56];
    uint32_t crc;

    (void)state;
    probe_write(&usual, buf);
    memcpy(&crc, buf + 24, sizeof(crc));
    assert_int_equal(le32toh(crc), 0x5243f48f); /* the result of Python's zlib.crc32() */
}

static void test_header_is_read_back(void **state)
{
    uint8_t buf[56];
    struct probe probe;

    (void)state;
    probe_write(&usual, buf);
    assert_true(probe_read(buf, sizeof(buf), RUN, &probe));
    assert_int_equal(probe.seq, 7);
    assert_int_equal(probe.time, 123456789);
    assert_int_equal(buf[0], 7);
    assert_memory_equal(buf + 4, "Echo", 4);
    assert_int_equal(buf[55], '\n');
}

static void test_every_flipped_bit_is_noticed(void **state)
{
    uint8_t buf[56];
    struct probe probe;
    size_t same;
    int expected;

    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof(buf); bit++) {
        probe_write(&usual, buf);
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(probe_read(buf, sizeof(buf), RUN, &probe));
        assert_int_equal(probe_compare(&usual, buf, sizeof(buf), &expected, &same), bit / 8);
        assert_int_equal(expected, buf[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(same, sizeof(buf) - 1);
    }
}

static void test_all_sizes_agree_with_themselves(void **state)
{
    uint8_t buf[600];
    size_t same;
    int expected;

    (void)state;
    for (uint32_t size = 1; size <= sizeof(buf); size++) {
        struct probe probe = {.run = RUN, .seq = 300, .size = size, .time = 5}, read;
        probe_write(&probe, buf);
        assert_int_equal(probe_compare(&probe, buf, size, &expected, &same), size);
        assert_int_equal(same, size);
        assert_int_equal(probe_read(buf, size, RUN, &read), size >= PROBE_HEADER);
        assert_int_equal(probe_read(buf, size, RUN + 1, &read), false);
        if (size < sizeof(buf)) { /* one byte too many */
            assert_int_equal(probe_compare(&probe, buf, size + 1, &expected, &same), size);
            assert_int_equal(expected, -1);
        }
    }
}

static void test_filling_has_every_value(void **state)
{
    uint8_t buf[512];
    bool seen[256] = {false};

    (void)state;
    probe_write(&(struct probe){.run = RUN, .seq = 1, .size = sizeof(buf)}, buf);
    for (size_t i = PROBE_HEADER; i < sizeof(buf); i++)
        seen[buf[i]] = true;
    for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
        assert_true(seen[i]);
}

static void test_a_probe_is_found(void **state)
{
    uint8_t buf[100] = "a greeting";

    (void)state;
    assert_int_equal(probe_find(buf, sizeof(buf), 0, RUN), -1);
    probe_write(&usual, buf + 10);
    assert_int_equal(probe_find(buf, sizeof(buf), 0, RUN), 10);
    assert_int_equal(probe_find(buf, sizeof(buf), 10, RUN), 10);
    assert_int_equal(probe_find(buf, sizeof(buf), 11, RUN), -1);
    assert_int_equal(probe_find(buf, sizeof(buf), 0, RUN + 1), -1);
    assert_int_equal(probe_find(buf, 21, 0, RUN), -1);
    assert_int_equal(probe_find(buf, 22, 0, RUN), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_header_is_read_back),
        cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_all_sizes_agree_with_themselves),
        cmocka_unit_test(test_filling_has_every_value),
        cmocka_unit_test(test_a_probe_is_found),
    };

    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
