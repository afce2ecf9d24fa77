#include "base/memory.h"

#include "unit.h"

static void test_array_append_zeroes(void **state)
{
    size_t count = 0;
    int *array = NULL;

    (void)state;
    for (int i = 0; i < 100; i++) {
        array = array_append(array, &count, sizeof(*array));
        assert_int_equal(array[i], 0);
        array[i] = i + 1;
    }
    assert_int_equal(count, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(array[i], i + 1);
    free(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array_append_zeroes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
