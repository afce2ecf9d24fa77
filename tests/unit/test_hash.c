#include "base/hash.h"

#include "base/macros.h"
#include "unit.h"

/* The key and the inputs 00, 00 01, 00 01 02, ... of the reference's test vectors. */
static const struct hash_seed reference = {
    {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

static void test_reference_vectors(void **state)
{
    static const struct {
        size_t size;
        uint64_t hash;
    } cases[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},
        {1, UINT64_C(0x74f839c593dc67fd)},
        {8, UINT64_C(0x93f5f5799a932462)},
        {15, UINT64_C(0xa129ca6149be45e5)},
    };
    uint8_t input[16];

    (void)state;
    for (size_t i = 0; i < sizeof(input); i++)
        input[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(hash_bytes(&reference, input, cases[i].size), cases[i].hash);
}

static void test_seeds_differ_and_matter(void **state)
{
    struct hash_seed one = hash_seed_new(), two = hash_seed_new();

    (void)state;
    assert_memory_not_equal(&one, &two, sizeof(one));
    assert_int_not_equal(hash_bytes(&one, "echo", 4), hash_bytes(&two, "echo", 4));
    assert_int_equal(hash_bytes(&one, "echo", 4), hash_bytes(&one, "echo", 4));
}

/* Hash values spread evenly whether the first or the last bytes differ. */
static void test_neighbours_spread(void **state)
{
    struct hash_seed seed = hash_seed_new();
    unsigned hits[64] = {0};

    (void)state;
    for (uint32_t i = 0; i < 64000; i++)
        hits[hash_bytes(&seed, &i, sizeof(i)) % ARRAY_SIZE(hits)]++;
    for (size_t i = 0; i < ARRAY_SIZE(hits); i++)
        assert_in_range(hits[i], 700, 1300); /* nine standard deviations */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_vectors),
        cmocka_unit_test(test_seeds_differ_and_matter),
        cmocka_unit_test(test_neighbours_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
