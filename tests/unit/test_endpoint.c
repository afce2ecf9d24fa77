#include "base/text.h"
#include "net/endpoint.h"

#include "unit.h"

static char reason[NET_REASON_MAX];

static void resolve(struct addresses *list, const char *host, uint16_t port)
{
    assert_int_equal(endpoint_add(host, port, list), 0);
}

/* Checks that LIST has the addresses EXPECTED, each followed by a space, and frees it. */
static void holds(struct addresses *list, const char *expected)
{
    char text[ADDRESS_TEXT_MAX], all[2048] = "";

    for (size_t i = 0; i < list->count; i++)
        text_append(all, sizeof(all), "%s ", address_format(&list->item[i], text, sizeof(text)));
    assert_string_equal(all, expected);
    free(list->item);
    *list = (struct addresses){0};
}

static void test_numeric(void **state)
{
    struct addresses list = {0};

    (void)state;
    resolve(&list, "192.0.2.1", 7);
    resolve(&list, "[2001:db8::1]", 8);
    resolve(&list, "fe80::1%lo", 9);
    holds(&list, "192.0.2.1:7 [2001:db8::1]:8 [fe80::1%lo]:9 ");
}

static void test_any_is_both(void **state)
{
    struct addresses list = {0};

    (void)state;
    resolve(&list, "*", 7);
    holds(&list, "0.0.0.0:7 [::]:7 ");
}

static void test_name(void **state)
{
    struct addresses list = {0};
    char text[ADDRESS_TEXT_MAX];
    size_t loopback = 0;

    (void)state;
    assert_int_equal(endpoint_add("localhost", 70, &list), -EINVAL);
    assert_int_equal(endpoint_add("fe80::1%nosuch", 70, &list), -ENODEV);
    assert_int_equal(endpoint_look_up("localhost", 70, &list, reason), 0);
    assert_true(list.count > 0);
    for (size_t i = 0; i < list.count; i++) {
        address_format(&list.item[i], text, sizeof(text));
        loopback += strcmp(text, "127.0.0.1:70") == 0 || strcmp(text, "[::1]:70") == 0;
    }
    assert_int_equal(loopback, list.count);
    for (size_t i = 1; i < list.count; i++) /* each once, even if /etc/hosts has duplicates */
        assert_false(address_equal(&list.item[i - 1], &list.item[i]));
    free(list.item);
}

static void test_name_that_is_none(void **state)
{
    struct addresses list = {0};

    (void)state;
    /* With spaces it is not a host name, so no server is queried. */
    assert_int_equal(endpoint_look_up("no such host", 7, &list, reason), -ENOENT);
    assert_non_null(strstr(reason, "no such host"));
    assert_int_equal(list.count, 0);
    assert_null(list.item);
}

static void test_unix(void **state)
{
    struct addresses list = {0};

    (void)state;
    endpoint_add_unix("/run/x", &list);
    endpoint_add_unix("@x", &list);
    endpoint_add_unix("/run/xy", &list);
    holds(&list, "unix:/run/x unix:@x unix:/run/xy ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numeric), cmocka_unit_test(test_any_is_both),
        cmocka_unit_test(test_name),    cmocka_unit_test(test_name_that_is_none),
        cmocka_unit_test(test_unix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
