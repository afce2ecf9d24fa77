#include "daemon/admission/waiting_list.h"

#include "unit.h"

/* Has SOCKET, of the source 192.0.2.SOURCE, wait. Returns who has to go for it, or -1. */
static int add(struct waiting_list *list, int socket, uint8_t source)
{
    const struct waiting_client client = {
        .client = socket,
        .source = {.family = AF_INET, .bytes = {192, 0, 2, source}},
    };

    return waiting_list_add(list, &client).client;
}

static void expect_clients(const struct waiting_list *list, const int *clients, size_t count)
{
    assert_int_equal(list->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(list->item[i].client, clients[i]);
        assert_true(i == 0 || list->item[i].until >= list->item[i - 1].until);
    }
    assert_true(waiting_list_next(list) == (count ? list->item[0].until : UINT64_MAX));
}

static void test_there_is_no_more_room(void **state)
{
    int clients[WAITING_LIST_MAX];
    struct waiting_list list = {0};

    (void)state;
    expect_clients(&list, NULL, 0);
    for (int i = 0; i < WAITING_LIST_MAX; i++) {
        clients[i] = 100 + i;
        assert_int_equal(add(&list, clients[i], 1), -1);
    }
    assert_int_equal(add(&list, 200, 1), 200);
    expect_clients(&list, clients, WAITING_LIST_MAX);
}

static void test_no_source_excludes_others(void **state)
{
    struct waiting_list list = {0};
    int clients[WAITING_LIST_MAX];

    (void)state;
    for (int i = 0; i < WAITING_LIST_MAX; i++)
        add(&list, clients[i] = 100 + i, 1);
    for (int i = 0; i < WAITING_LIST_MAX / 2; i++) { /* the last of the other source goes */
        int last = WAITING_LIST_MAX - 1 - i;
        assert_int_equal(add(&list, 200 + i, 2), 100 + last);
    }
    for (int i = 0; i < WAITING_LIST_MAX / 2; i++)
        clients[WAITING_LIST_MAX / 2 + i] = 200 + i;
    expect_clients(&list, clients, WAITING_LIST_MAX);
    assert_int_equal(add(&list, 300, 2), 300); /* both have as many */
    expect_clients(&list, clients, WAITING_LIST_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_is_no_more_room),
        cmocka_unit_test(test_no_source_excludes_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
