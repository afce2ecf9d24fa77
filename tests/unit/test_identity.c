/*
 * When two addresses are the same, and searching the index.
 */
#include "base/macros.h"
#include "net/identity.h"

#include "unit.h"

#include <sys/un.h>

static struct address numeric(const char *host, uint16_t port)
{
    struct address a;

    assert_int_equal(address_numeric(&a, host, port), 0);
    return a;
}

static struct address unix_address(const char *path)
{
    struct address a;

    assert_int_equal(address_unix(&a, path), 0);
    return a;
}

static void test_internet(void **state)
{
    struct address all[] = {
        numeric("0.0.0.0", 7), numeric("127.0.0.1", 7),  numeric("127.0.0.1", 8), numeric("::", 7),
        numeric("::1", 7),     numeric("fe80::1%lo", 7), numeric("fe80::1", 7),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        for (size_t j = 0; j < ARRAY_SIZE(all); j++)
            assert_int_equal(identity_same(&all[i], &all[j]), i == j);
    struct address other = all[4];
    other.in6.sin6_flowinfo = 9;
    assert_true(identity_same(&all[4], &other));
}

/* Also for files that do not exist yet. */
static void test_paths_that_lead_to_one_file(void **state)
{
    static const char *const same[] = {"real/s", "link/s", "./real/s", "real/../link//s",
                                       "real/hard"};
    static const char *const others[] = {"real/x", "s", "none/s", "none/x", "link/x.lock"};
    char first[200], second[200];

    (void)state;
    assert_int_equal(mkdir("real", 0700), 0);
    assert_int_equal(symlink("real", "link"), 0);
    for (int there = 0; there < 2; there++) {
        for (size_t i = 0; i + !there < ARRAY_SIZE(same); i++) {
            snprintf(first, sizeof(first), "%s/%s", temp_dir(), same[0]);
            snprintf(second, sizeof(second), "%s/%s", temp_dir(), same[i]);
            struct address a = unix_address(first), b = unix_address(second);
            assert_true(identity_same(&a, &b));
        }
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
            snprintf(first, sizeof(first), "%s/%s", temp_dir(), same[1]);
            snprintf(second, sizeof(second), "%s/%s", temp_dir(), others[i]);
            struct address a = unix_address(first), b = unix_address(second);
            assert_false(identity_same(&a, &b));
            assert_true(identity_same(&b, &b));
        }
        if (!there)
            write_file("real/s", "", 0);
        if (!there)
            assert_int_equal(link("real/s", "real/hard"), 0);
    }
}

static void test_abstract_names(void **state)
{
    struct address a = unix_address("@a"), ab = unix_address("@ab"), padded = a;
    struct address unnamed = {.len = sizeof(sa_family_t), .sa = {.sa_family = AF_UNIX}};

    (void)state;
    padded.len++;
    assert_true(identity_same(&a, &a));
    assert_false(identity_same(&a, &ab));
    assert_false(identity_same(&a, &padded));
    assert_false(identity_same(&a, &unnamed));
    assert_true(identity_same(&unnamed, &unnamed));
}

static void test_the_longest_path(void **state)
{
    struct address a = {.len = sizeof(a.un), .un = {.sun_family = AF_UNIX}}, b;

    (void)state;
    memset(a.un.sun_path, 'x', sizeof(a.un.sun_path)); /* not NUL-terminated (unix(7)) */
    a.un.sun_path[0] = '/';
    b = a;
    b.un.sun_path[sizeof(b.un.sun_path) - 1] = 'y';
    assert_true(identity_same(&a, &a));
    assert_false(identity_same(&a, &b));
}

static void test_search(void **state)
{
    struct identity_index index = {0};
    struct address a = numeric("10.0.0.0", 7), any = numeric("0.0.0.0", 7);
    struct identity identity;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        a.in.sin_addr.s_addr = htonl(i * 7919 % 1000 * 2);
        identity = identity_of(&a);
        identity_index_add(&index, &identity, i);
        identity_index_add(&index, &identity, i + 1000);
    }
    identity_index_sort(&index);
    identity = identity_of(&any);
    assert_int_equal(identity_index_search(&index, &identity), 0); /* the first with its port */
    for (uint32_t i = 0; i < 2001; i++) {
        a.in.sin_addr.s_addr = htonl(i);
        identity = identity_of(&a);
        size_t place = identity_index_search(&index, &identity);
        assert_int_equal(place, (i + 1) / 2 * 2);
        if (i % 2 || place == index.count)
            continue;
        assert_int_equal(identity_compare(&index.entry[place].identity, &identity), 0);
        assert_int_equal(index.entry[place].number + 1000, index.entry[place + 1].number);
    }
    address_set_port(&a, 6);
    identity = identity_of(&a);
    assert_true(identity_index_search(&index, &identity) % 2000 == 0);
    identity_index_free(&index);
    assert_int_equal(identity_index_search(&index, &identity), 0);
}

static void test_names(void **state)
{
    struct address a = numeric("10.0.0.1", 7), b = numeric("10.0.0.1", 8);
    struct identity first = identity_of(&a), second = identity_of(&b), third = first;

    (void)state;
    identity_set_name(&first, "x");
    identity_set_name(&second, "x");
    identity_set_name(&third, "y");
    assert_int_equal(identity_compare(&first, &second), 0);
    assert_int_not_equal(identity_compare(&first, &third), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_internet),       cmocka_unit_test(test_paths_that_lead_to_one_file),
        cmocka_unit_test(test_abstract_names), cmocka_unit_test(test_the_longest_path),
        cmocka_unit_test(test_search),         cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
