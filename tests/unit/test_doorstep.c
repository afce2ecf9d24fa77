#include "daemon/doorstep.h"

#include "unit.h"

/* Has CLIENT, of the source 192.0.2.SOURCE, wait. Returns who has to go for it, or -1. */
static int keep(struct doorstep *doorstep, int client, uint8_t source)
{
    const struct knocker knocker = {
        .client = client,
        .source = {.family = AF_INET, .bytes = {192, 0, 2, source}},
    };

    return doorstep_keep(doorstep, &knocker).client;
}

static void expect_clients(const struct doorstep *doorstep, const int *clients, size_t count)
{
    assert_int_equal(doorstep->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(doorstep->item[i].client, clients[i]);
        assert_true(i == 0 || doorstep->item[i].until >= doorstep->item[i - 1].until);
    }
    assert_true(doorstep_next(doorstep) == (count ? doorstep->item[0].until : UINT64_MAX));
}

static void test_there_is_no_more_room(void **state)
{
    int clients[DOORSTEP_PLACES];
    struct doorstep doorstep = {0};

    (void)state;
    expect_clients(&doorstep, NULL, 0);
    for (int i = 0; i < DOORSTEP_PLACES; i++) {
        clients[i] = 100 + i;
        assert_int_equal(keep(&doorstep, clients[i], 1), -1);
    }
    assert_int_equal(keep(&doorstep, 200, 1), 200);
    expect_clients(&doorstep, clients, DOORSTEP_PLACES);
}

static void test_no_source_keeps_the_others_out(void **state)
{
    struct doorstep doorstep = {0};
    int clients[DOORSTEP_PLACES];

    (void)state;
    for (int i = 0; i < DOORSTEP_PLACES; i++)
        keep(&doorstep, clients[i] = 100 + i, 1);
    for (int i = 0; i < DOORSTEP_PLACES / 2; i++) { /* the last of the other source goes */
        int last = DOORSTEP_PLACES - 1 - i;
        assert_int_equal(keep(&doorstep, 200 + i, 2), 100 + last);
    }
    for (int i = 0; i < DOORSTEP_PLACES / 2; i++)
        clients[DOORSTEP_PLACES / 2 + i] = 200 + i;
    expect_clients(&doorstep, clients, DOORSTEP_PLACES);
    assert_int_equal(keep(&doorstep, 300, 2), 300); /* both have as many */
    expect_clients(&doorstep, clients, DOORSTEP_PLACES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_is_no_more_room),
        cmocka_unit_test(test_no_source_keeps_the_others_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
