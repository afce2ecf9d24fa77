#include "base/macros.h"
#include "base/text.h"
#include "net/address.h"

#include "unit.h"

#include <arpa/inet.h>
#include <net/if.h>

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

static void shows(const struct address *a, const char *expected)
{
    char text[ADDRESS_TEXT_MAX];

    assert_ptr_equal(address_format(a, text, sizeof(text)), text);
    assert_string_equal(text, expected);
}

static void test_numeric(void **state)
{
    static const struct {
        const char *host, *shown;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1:7"},
        {"0.0.0.0", "0.0.0.0:7"},
        {"255.255.255.255", "255.255.255.255:7"},
        {"[192.0.2.1]", "192.0.2.1:7"},
        {"::", "[::]:7"},
        {"[::1]", "[::1]:7"},
        {"2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:7"},
        {"::ffff:192.0.2.1", "[::ffff:192.0.2.1]:7"},
        {"fe80::1%lo", "[fe80::1%lo]:7"},
        {"[fe80::1%lo]", "[fe80::1%lo]:7"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct address a = numeric(cases[i].host, 7);
        assert_int_equal(address_port(&a), 7);
        assert_true(address_is_ip(&a));
        shows(&a, cases[i].shown);
    }
}

static void test_host_alone(void **state)
{
    static const char *const hosts[][2] = {
        {"192.0.2.1", "192.0.2.1"}, {"[2001:DB8::1]", "2001:db8::1"}, {"fe80::1%lo", "fe80::1%lo"}};
    struct address a;
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        a = numeric(hosts[i][0], 7);
        assert_string_equal(address_host(&a, text, sizeof(text)), hosts[i][1]);
    }
    assert_int_equal(address_unix(&a, "/run/x"), 0);
    assert_string_equal(address_host(&a, text, sizeof(text)), "unix:/run/x");
}

static void test_not_numeric(void **state)
{
    static const char *const hosts[] = {
        "",
        "127.1",
        "127",
        "0x7f000001",
        "2130706433",
        "127.0.0.1.1",
        "256.0.0.1",
        "127.0.0.01",
        "1.2.3",
        "localhost",
        "*",
        " 127.0.0.1",
        "127.0.0.1 ",
        "127.0.0.1:7",
        "127.0.0.1%lo",
        "[]",
        "[::1",
        "::1]",
        "[[::1]]",
        "[127.1]",
        ":::",
        "::1::",
        "1:2:3",
        "::ffff:127.1",
        "::g",
        "::1%nosuch",
        "[::1]:7",
        "/run/x",
        "0000:0000:0000:0000:0000:0000:0000:0001%0123456789012345678901234567890"};
    struct address a;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
        if (address_numeric(&a, hosts[i], 7) != -EINVAL)
            fail_msg("\"%s\" was taken for an address", hosts[i]);
    assert_int_equal(address_numeric(&a, "fe80::1%nosuch", 7), -ENODEV);
    assert_int_equal(address_numeric(&a, "[fe80::1%nosuch]", 7), -ENODEV);
    assert_int_equal(address_numeric(&a, "fe80::1%no such", 7), -EINVAL);
}

static void test_unix(void **state)
{
    struct address path = unix_address("/run/x"), name = unix_address("@x");

    (void)state;
    assert_false(address_is_ip(&path));
    assert_int_equal(address_port(&path), 0);
    shows(&path, "unix:/run/x");
    shows(&name, "unix:@x");
    assert_int_equal(path.len, offsetof(struct sockaddr_un, sun_path) + 7);
    assert_int_equal(name.len, offsetof(struct sockaddr_un, sun_path) + 2);
    assert_int_equal(name.un.sun_path[0], '\0');
}

static void test_unix_rejects(void **state)
{
    char path[120];
    struct address a;

    (void)state;
    assert_int_equal(address_unix(&a, ""), -EINVAL);
    assert_int_equal(address_unix(&a, "relative"), -EINVAL);
    assert_int_equal(address_unix(&a, "@"), -EINVAL);
    snprintf(path, sizeof(path), "/%0106d", 0);
    assert_int_equal(address_unix(&a, path), 0); /* 107 bytes plus the NUL */
    assert_int_equal(a.len, sizeof(struct sockaddr_un));
    snprintf(path, sizeof(path), "/%0107d", 0);
    assert_int_equal(address_unix(&a, path), -ENAMETOOLONG);
    path[0] = '@';
    assert_int_equal(address_unix(&a, path), -ENAMETOOLONG);
}

static void test_unix_names_are_escaped(void **state)
{
    struct address a = unix_address("/tmp/\x1b\n\xff\\"), longest;
    char expected[ADDRESS_TEXT_MAX] = "unix:/", path[108];

    (void)state;
    shows(&a, "unix:/tmp/\\x1b\\x0a\\xff\\\\");
    path[0] = '/';
    memset(path + 1, 1, 106);
    path[107] = '\0';
    longest = unix_address(path);
    for (int i = 0; i < 106; i++)
        text_append(expected, sizeof(expected), "\\x01");
    shows(&longest, expected);
}

/* The kernel lets a path fill all of sun_path, without a NUL. */
static void test_path_without_nul(void **state)
{
    struct address a = {.len = sizeof(a.un), .un = {.sun_family = AF_UNIX}};
    char expected[200];

    (void)state;
    memset(a.un.sun_path, 'p', sizeof(a.un.sun_path));
    snprintf(expected, sizeof(expected), "unix:%.108s", a.un.sun_path);
    shows(&a, expected);
}

static void test_own_end_and_peer(void **state)
{
    struct address own, peer, other;
    int pair[2];

    (void)state;
    tcp_pair(pair);
    assert_int_equal(address_local(&own, pair[0]), 0);
    assert_int_equal(address_peer(&peer, pair[0]), 0);
    assert_int_equal(address_local(&other, pair[1]), 0);
    assert_true(address_equal(&peer, &other));
    assert_false(address_equal(&own, &peer));
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(address_local(&own, pair[0]), -EBADF);
    assert_int_equal(address_peer(&peer, pair[0]), -EBADF);
}

static void test_unnamed(void **state)
{
    struct address a, b;
    int pair[2];

    (void)state;
    unix_pair(pair);
    assert_int_equal(address_peer(&a, pair[0]), 0);
    assert_int_equal(address_local(&b, pair[0]), 0);
    shows(&a, "unix");
    assert_true(address_equal(&a, &b));
    close(pair[0]);
    close(pair[1]);
}

static void test_normalise(void **state)
{
    struct address mapped = numeric("::ffff:192.0.2.1", 80), plain = numeric("192.0.2.1", 80);
    struct address six = numeric("::1", 80), compatible = numeric("::192.0.2.1", 80);
    struct address path = unix_address("/x"), same;

    (void)state;
    assert_false(address_equal(&mapped, &plain));
    address_normalise(&mapped);
    assert_true(address_equal(&mapped, &plain));
    assert_int_equal(mapped.len, sizeof(struct sockaddr_in));
    shows(&mapped, "192.0.2.1:80");
    same = six;
    address_normalise(&six);
    assert_true(address_equal(&six, &same));
    same = compatible;
    address_normalise(&compatible);
    assert_true(address_equal(&compatible, &same));
    same = path;
    address_normalise(&path);
    assert_true(address_equal(&path, &same));
}

static void test_what_is_not_mapped(void **state)
{
    static const char *const others[] = {"1::ffff:192.0.2.1", "0:0:1::ffff:192.0.2.1",
                                         "::fffe:192.0.2.1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        struct address a = numeric(others[i], 80), same = a;
        address_normalise(&a);
        assert_true(address_equal(&a, &same));
    }
}

static void test_loopback(void **state)
{
    static const struct {
        const char *host;
        bool loopback;
    } cases[] = {
        {"127.0.0.1", true}, {"127.255.255.254", true}, {"128.0.0.1", false}, {"::1", true},
        {"1::1", false},     {"0:0:1::1", false},       {"::1:0:0:1", false}, {"::2", false},
    };
    struct address path = unix_address("/x");

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct address a = numeric(cases[i].host, 80);
        assert_int_equal(address_is_loopback(&a), cases[i].loopback);
    }
    assert_false(address_is_loopback(&path));
}

static void test_equal(void **state)
{
    struct address all[] = {
        numeric("192.0.2.1", 7),   numeric("192.0.2.1", 8),  numeric("192.0.2.2", 7),
        numeric("2001:db8::1", 7), numeric("fe80::1%lo", 7), numeric("fe80::1", 7),
        numeric("::", 7),          numeric("0.0.0.0", 7),    unix_address("/x"),
        unix_address("/xy"),       unix_address("@x"),       unix_address("@xy"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        for (size_t j = 0; j < ARRAY_SIZE(all); j++)
            assert_int_equal(address_equal(&all[i], &all[j]), i == j);
    /* The bytes after the address are ignored. */
    struct address other = all[0];
    memset(other.in.sin_zero, 0xff, sizeof(other.in.sin_zero));
    assert_true(address_equal(&all[0], &other));
    other = all[3];
    other.in6.sin6_flowinfo = 9;
    assert_true(address_equal(&all[3], &other));
}

static void test_port_and_bytes(void **state)
{
    struct address four = numeric("192.0.2.1", 0), six = numeric("::1", 0),
                   path = unix_address("/x");
    size_t count = 0;

    (void)state;
    address_set_port(&four, 65535);
    address_set_port(&six, 1);
    address_set_port(&path, 1);
    assert_int_equal(address_port(&four), 65535);
    assert_int_equal(address_port(&six), 1);
    assert_int_equal(address_port(&path), 0);
    shows(&path, "unix:/x");
    assert_memory_equal(address_bytes(&four, &count), "\xc0\0\2\1", 4);
    assert_int_equal(count, 4);
    assert_int_equal(address_bytes(&six, &count)[15], 1);
    assert_int_equal(count, 16);
    assert_null(address_bytes(&path, &count));
}

static bool one_source_of(const struct source_prefix *prefix, struct address a, struct address b)
{
    struct source_key x = address_source(&a, prefix), y = address_source(&b, prefix);

    return memcmp(&x, &y, sizeof(x)) == 0;
}

static bool one_source(struct address a, struct address b)
{
    static const struct source_prefix usual = {.ipv4 = 32, .ipv6 = 64};

    return one_source_of(&usual, a, b);
}

/* Two addresses that differ in one bit are one source if, and only if, it is after the prefix. */
static void test_source_of_every_prefix(void **state)
{
    (void)state;
    for (uint8_t bits = 1; bits <= 128; bits++) {
        struct source_prefix prefix = {.ipv4 = bits < 32 ? bits : 32, .ipv6 = bits};
        for (unsigned bit = 0; bit < 128; bit++) {
            struct address four = numeric("192.0.2.1", 1), six = numeric("2001:db8::1", 1);
            struct address other4 = four, other6 = six;
            other6.in6.sin6_addr.s6_addr[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
            assert_int_equal(one_source_of(&prefix, six, other6), bit >= bits);
            other4.in.sin_addr.s_addr ^= htonl(UINT32_C(0x80000000) >> bit % 32);
            assert_int_equal(one_source_of(&prefix, four, other4), bit % 32 >= prefix.ipv4);
        }
    }
}

static void test_source(void **state)
{
    struct address unnamed = {.len = sizeof(sa_family_t), .sa = {.sa_family = AF_UNIX}};

    (void)state;
    assert_true(one_source(numeric("192.0.2.1", 1), numeric("192.0.2.1", 2)));
    assert_false(one_source(numeric("192.0.2.1", 1), numeric("192.0.2.2", 1)));
    assert_true(one_source(numeric("2001:db8::1", 1), numeric("2001:db8:0:0:ffff::2", 2)));
    assert_false(one_source(numeric("2001:db8::1", 1), numeric("2001:db8:0:1::1", 1)));
    assert_true(one_source(unix_address("/x"), unix_address("@y")));
    assert_true(one_source(unix_address("/x"), unnamed));
    assert_false(one_source(numeric("0.0.0.0", 1), numeric("::", 1)));
    assert_false(one_source(numeric("0.0.0.0", 1), unnamed));
    /* Each link-local address is a source of its own. */
    struct address here = numeric("fe80::1%lo", 1), elsewhere = here;
    elsewhere.in6.sin6_scope_id++;
    assert_true(one_source(here, numeric("fe80::1%lo", 2)));
    assert_false(one_source(here, numeric("fe80::2%lo", 1)));
    assert_false(one_source(here, elsewhere));
}

/* The socket is used to query the interface, for processes that cannot open another one. */
static void test_zone_by_socket(void **state)
{
    struct address here = numeric("fe80::1%lo", 1), elsewhere = here, global = here;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char name[IF_NAMESIZE], text[ADDRESS_TEXT_MAX];

    (void)state;
    elsewhere.in6.sin6_scope_id = 1u << 30;
    global.in6.sin6_scope_id = 0;
    assert_string_equal(address_zone(fd, &here, name), "lo");
    assert_string_equal(address_zone(-1, &here, name), "lo");
    assert_string_equal(address_zone(fd, &elsewhere, name), "");
    assert_string_equal(address_zone(-1, &elsewhere, name), "");
    assert_string_equal(address_zone(fd, &global, name), "");
    assert_string_equal(address_host_by(fd, &here, text, sizeof(text)), "fe80::1%lo");
    assert_string_equal(address_host_by(fd, &elsewhere, text, sizeof(text)), "fe80::1%1073741824");
    assert_string_equal(address_host_by(fd, &global, text, sizeof(text)), "fe80::1");
    fd_close(&fd);
}

static void test_of_what_is_no_socket(void **state)
{
    struct address address = {.len = 16};

    (void)state;
    assert_int_equal(address_local(&address, -1), -EBADF);
    assert_int_equal(address.len, 0);
    assert_int_equal(address_peer(&address, -1), -EBADF);
    assert_int_equal(address.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numeric),
        cmocka_unit_test(test_host_alone),
        cmocka_unit_test(test_not_numeric),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_unix_rejects),
        cmocka_unit_test(test_unix_names_are_escaped),
        cmocka_unit_test(test_path_without_nul),
        cmocka_unit_test(test_own_end_and_peer),
        cmocka_unit_test(test_unnamed),
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_what_is_not_mapped),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_port_and_bytes),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_source_of_every_prefix),
        cmocka_unit_test(test_zone_by_socket),
        cmocka_unit_test(test_of_what_is_no_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
