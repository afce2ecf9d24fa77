#include "base/macros.h"
#include "base/memory.h"
#include "net/cidr.h"

#include "unit.h"

static struct address numeric(const char *host)
{
    struct address a;

    assert_int_equal(address_numeric(&a, host, 7), 0);
    return a;
}

static void test_parse_and_format(void **state)
{
    static const struct {
        const char *text;
        int r;
        const char *formatted;
    } cases[] = {
        {"192.0.2.1", 0, "192.0.2.1"},
        {"192.0.2.1/32", 0, "192.0.2.1"},
        {"192.0.2.0/31", 0, "192.0.2.0/31"},
        {"10.0.0.0/8", 0, "10.0.0.0/8"},
        {"128.0.0.0/1", 0, "128.0.0.0/1"},
        {"0.0.0.0/0", 0, "0.0.0.0/0"},
        {"::/0", 0, "::/0"},
        {"8000::/1", 0, "8000::/1"},
        {"2001:DB8::/32", 0, "2001:db8::/32"},
        {"[2001:db8::]/33", 0, "2001:db8::/33"},
        {"::1", 0, "::1"},
        {"[::1]/128", 0, "::1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.254/127", 0,
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"},
        {"::ffff:192.0.2.1", 0, "192.0.2.1"}, /* mapped, as cidr_contains() expects */
        {"::ffff:192.0.2.0/120", 0, "192.0.2.0/24"},
        {"::ffff:0:0/96", 0, "0.0.0.0/0"},
        {"::ffff:0:0/95", -ERANGE, NULL},
        {"::ffff:192.0.2.1/129", -ERANGE, NULL},
        {"", -EINVAL, NULL},
        {"/8", -EINVAL, NULL},
        {"10.0.0.0/", -EINVAL, NULL},
        {"10.0.0.0/-1", -EINVAL, NULL},
        {"10.0.0.0/8x", -EINVAL, NULL},
        {"10.0.0.0/8/8", -EINVAL, NULL},
        {"10.0.0.0/255.0.0.0", -EINVAL, NULL},
        {"10.0.0.0 /8", -EINVAL, NULL},
        {"10/8", -EINVAL, NULL},
        {"10.0.0/24", -EINVAL, NULL},
        {"localhost", -EINVAL, NULL},
        {"*", -EINVAL, NULL},
        {"fe80::1%lo", 0, "fe80::1%lo"},
        {"[fe80::1%lo]", -EINVAL, NULL},
        {"fe80::%eth0/64", 0, "fe80::%eth0/64"}, /* the interface need not exist */
        {"FE80::1%4294967295", 0, "fe80::1%4294967295"},
        {"fe80::1%", -EINVAL, NULL},
        {"fe80::1%a b", -EINVAL, NULL},
        {"fe80::1%a%b", -EINVAL, NULL},
        {"fe80::1%0123456789abcdef", -EINVAL, NULL}, /* IF_NAMESIZE */
        {"fe80::1%lo/10", -EDOM, NULL},
        {"2001:db8::1%lo", -ENODEV, NULL},
        {"192.0.2.1%lo", -ENODEV, NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -EINVAL, NULL},
        {"10.0.0.0/33", -ERANGE, NULL},
        {"::/129", -ERANGE, NULL},
        {"10.0.0.0/264", -ERANGE, NULL},        /* 256 + 8 */
        {"10.0.0.0/4294967304", -ERANGE, NULL}, /* 2^32 + 8 */
        {"10.0.0.1/8", -EDOM, NULL},
        {"10.0.0.1/31", -EDOM, NULL},
        {"128.0.0.0/0", -EDOM, NULL},
        {"::1/127", -EDOM, NULL},
        {"2001:db8:8000::/32", -EDOM, NULL},
    };
    char text[CIDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct cidr c;
        if (cidr_parse(&c, cases[i].text) != cases[i].r)
            fail_msg("%s: not %d", cases[i].text, cases[i].r);
        if (cases[i].r == 0) {
            assert_ptr_equal(cidr_format(&c, text, sizeof(text)), text);
            assert_string_equal(text, cases[i].formatted);
        }
    }
}

static void test_bits_beyond_64_bits(void **state)
{
    struct cidr c;

    (void)state;
    assert_int_equal(cidr_parse(&c, "10.0.0.0/18446744073709551624"), -ERANGE);
}

static void test_contains(void **state)
{
    static const struct {
        const char *range, *first, *last, *before, *after; /* NULL: there is none */
    } cases[] = {
        {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", NULL, NULL},
        {"0.0.0.0/1", "0.0.0.0", "127.255.255.255", NULL, "128.0.0.0"},
        {"128.0.0.0/1", "128.0.0.0", "255.255.255.255", "127.255.255.255", NULL},
        {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
        {"172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"},
        {"192.0.2.2/31", "192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.4"},
        {"192.0.2.2/32", "192.0.2.2", "192.0.2.2", "192.0.2.1", "192.0.2.3"},
        {"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL},
        {"8000::/1", "8000::", "ffff::", "7fff:ffff::", NULL},
        {"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
         "2001:db7:ffff:ffff::", "2001:db9::"},
        {"2001:db8:0:2::/64", "2001:db8:0:2::", "2001:db8:0:2:ffff:ffff:ffff:ffff",
         "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:3::"},
        {"2001:db8::2/127", "2001:db8::2", "2001:db8::3", "2001:db8::1", "2001:db8::4"},
        {"2001:db8::2/128", "2001:db8::2", "2001:db8::2", "2001:db8::1", "2001:db8::3"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *const hosts[] = {cases[i].first, cases[i].last, cases[i].before,
                                     cases[i].after};
        struct cidr c;
        assert_int_equal(cidr_parse(&c, cases[i].range), 0);
        for (size_t h = 0; h < ARRAY_SIZE(hosts); h++) {
            if (!hosts[h])
                continue;
            struct address a = numeric(hosts[h]);
            if (cidr_contains(&c, &a) != (h < 2))
                fail_msg("%s in %s?", hosts[h], cases[i].range);
        }
    }
}

static void test_families_do_not_mix(void **state)
{
    struct address four = numeric("0.0.0.0"), six = numeric("::"), path, unnamed = {0};
    struct cidr all_four, all_six;

    (void)state;
    unnamed.sa.sa_family = AF_UNIX;
    unnamed.len = sizeof(sa_family_t);
    assert_int_equal(address_unix(&path, "/x"), 0);
    assert_int_equal(cidr_parse(&all_four, "0.0.0.0/0"), 0);
    assert_int_equal(cidr_parse(&all_six, "::/0"), 0);
    assert_false(cidr_contains(&all_four, &six));
    assert_false(cidr_contains(&all_six, &four));
    assert_false(cidr_contains(&all_four, &path));
    assert_false(cidr_contains(&all_six, &unnamed));
}

/* An IPv4 client of a dual-stack listener is IPv4 once its address is normalised. */
static void test_mapped_client(void **state)
{
    struct address mapped = numeric("::ffff:10.1.2.3");
    struct cidr ten;

    (void)state;
    assert_int_equal(cidr_parse(&ten, "10.0.0.0/8"), 0);
    assert_false(cidr_contains(&ten, &mapped));
    address_normalise(&mapped);
    assert_true(cidr_contains(&ten, &mapped));
}

static void test_zones(void **state)
{
    struct address on_lo = numeric("fe80::1%lo"), elsewhere = on_lo,
                   global = numeric("2001:db8::1");
    struct cidr any, lo;

    (void)state;
    elsewhere.in6.sin6_scope_id = on_lo.in6.sin6_scope_id + 4711; /* does not exist */
    assert_int_equal(cidr_parse(&any, "fe80::/10"), 0);
    assert_int_equal(cidr_parse(&lo, "fe80::%lo/64"), 0);
    assert_true(cidr_contains(&any, &on_lo));
    assert_true(cidr_contains(&any, &elsewhere));
    assert_true(cidr_contains(&lo, &on_lo));
    char text[CIDR_TEXT_MAX];
    snprintf(text, sizeof(text), "fe80::%%%u/64", on_lo.in6.sin6_scope_id);
    assert_int_equal(cidr_parse(&any, text), 0);
    assert_string_equal(cidr_format(&any, text, sizeof(text)), "fe80::%lo/64");
    assert_int_equal(cidr_parse(&any, "fe80::/10"), 0);
    assert_false(cidr_contains(&lo, &elsewhere));
    assert_false(cidr_contains(&lo, &global));
}

/* ---- lists ---- */

static void add(struct cidrs *list, const char *text)
{
    list->item = array_append(list->item, &list->count, sizeof(*list->item));
    assert_int_equal(cidr_parse(&list->item[list->count - 1], text), 0);
}

/* The result is the same with and without the index. */
static void finds(const struct cidrs *list, const struct address *a, const char *expected)
{
    const struct cidrs plain = {.item = list->item, .count = list->count};
    const struct cidr *found = cidrs_find(list, a);
    char text[CIDR_TEXT_MAX] = "";

    assert_ptr_equal(cidrs_find(&plain, a), found);
    if (found)
        cidr_format(found, text, sizeof(text));
    assert_string_equal(text, expected ? expected : "");
}

static void test_the_widest_range_is_found(void **state)
{
    static const struct {
        const char *host, *range;
    } cases[] = {
        {"10.1.2.3", "10.0.0.0/8"},
        {"10.0.0.0", "10.0.0.0/8"},
        {"9.255.255.255", NULL},
        {"11.0.0.0", NULL},
        {"192.0.2.1", "192.0.2.0/24"},
        {"192.0.2.255", "192.0.2.0/24"},
        {"192.0.3.0", NULL},
        {"2001:db8::5", "2001:db8::/32"},
        {"2001:db9::", NULL},
        {"::1", "::1"},
        {"::2", NULL},
        {"fe80::1%lo", "fe80::%lo/64"},
        {"fe80::2%lo", "fe80::%lo/64"},
        {"0.0.0.1", NULL},
    };
    struct cidrs list = {0};

    (void)state;
    add(&list, "10.1.0.0/16");
    add(&list, "192.0.2.1");
    add(&list, "192.0.2.0/24");
    add(&list, "10.0.0.0/8");
    add(&list, "10.1.2.3");
    add(&list, "10.0.0.0/8");
    add(&list, "2001:db8:1::/48");
    add(&list, "2001:db8::/32");
    add(&list, "::1");
    add(&list, "fe80::1%lo");
    add(&list, "fe80::%lo/64");
    add(&list, "fe80::%none/64");
    cidrs_index(&list);
    assert_int_equal(list.index_count, 6);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct address a = numeric(cases[i].host);
        finds(&list, &a, cases[i].range);
    }
    cidrs_free(&list);
    cidrs_index(&list);
    assert_null(cidrs_find(&list, &(struct address){.in = {.sin_family = AF_INET}}));
}

/* Networks that overlap in every way, and addresses at their boundaries. */
static void test_any_list_finds_the_same_with_and_without_an_index(void **state)
{
    struct cidrs list = {0};
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        seed = seed * 1664525 + 1013904223;
        unsigned bits = 4 + (seed >> 8) % 13, prefix = seed >> 16 << 16 & ~0U << (32 - bits);
        char text[CIDR_TEXT_MAX];
        snprintf(text, sizeof(text), "%u.%u.0.0/%u", prefix >> 24, prefix >> 16 & 255, bits);
        add(&list, text);
        if (i % 100 == 0)
            cidrs_index(&list);
        struct address a = {.len = sizeof(a.in), .in = {.sin_family = AF_INET}};
        for (uint32_t edge = prefix - 1; i % 100 == 0 && edge != prefix + 2; edge++) {
            a.in.sin_addr.s_addr = htonl(edge);
            const struct cidrs plain = {.item = list.item, .count = list.count};
            const struct cidr *found = cidrs_find(&list, &a), *other = cidrs_find(&plain, &a);
            assert_int_equal(!found, !other);
            assert_true(!found || (found->prefix == other->prefix && cidr_contains(found, &a)));
        }
    }
    cidrs_free(&list);
}

/* A linear search would take minutes. */
static void test_100000_networks(void **state)
{
    struct cidrs list = {.item = memory_zeroed(100000, sizeof(struct cidr)), .count = 100000};

    (void)state;
    for (uint32_t i = 0; i < list.count; i++) {
        uint32_t bytes = htonl(i << 9);
        list.item[i] = (struct cidr){.family = AF_INET, .prefix = 24};
        memcpy(list.item[i].bytes, &bytes, sizeof(bytes));
    }
    cidrs_index(&list);
    assert_int_equal(list.index_count, 100000);
    for (uint32_t i = 0; i < 1000000; i++) { /* a comparison with each would take minutes */
        struct address a = {.len = sizeof(a.in), .in = {.sin_family = AF_INET}};
        a.in.sin_addr.s_addr = htonl(i * 100 % (100000 << 9));
        const struct cidr *found = cidrs_find(&list, &a);
        assert_int_equal(!found, i * 100 % (100000 << 9) >> 8 & 1);
    }
    cidrs_free(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format),
        cmocka_unit_test(test_contains),
        cmocka_unit_test(test_families_do_not_mix),
        cmocka_unit_test(test_mapped_client),
        cmocka_unit_test(test_bits_beyond_64_bits),
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_the_widest_range_is_found),
        cmocka_unit_test(test_any_list_finds_the_same_with_and_without_an_index),
        cmocka_unit_test(test_100000_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
