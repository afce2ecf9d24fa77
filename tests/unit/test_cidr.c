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
        {"::ffff:192.0.2.1", 0, "192.0.2.1"}, /* mapped: what cidr_contains() is asked about */
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
        {"fe80::1%lo", -EINVAL, NULL},
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
        const char *range, *first, *last, *before, *behind; /* NULL: there is none */
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
                                     cases[i].behind};
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

/* A client of a dual-stack listener is an IPv4 one, once its address is normalised. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format),    cmocka_unit_test(test_contains),
        cmocka_unit_test(test_families_do_not_mix), cmocka_unit_test(test_mapped_client),
        cmocka_unit_test(test_bits_beyond_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
