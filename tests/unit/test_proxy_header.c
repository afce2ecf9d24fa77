#include "base/macros.h"
#include "client/connect/proxy_header.h"

#include "unit.h"

static struct address numeric(const char *host, uint16_t port)
{
    struct address a;

    assert_int_equal(address_numeric(&a, host, port), 0);
    return a;
}

/* Writes the header for the option TEXT. Returns its length. */
static size_t header(const char *text, const struct address *local, const struct address *peer,
                     char *buf)
{
    struct proxy proxy;

    assert_int_equal(proxy_header_parse(text, &proxy), 0);
    size_t len = proxy_header_write(&proxy, local, peer, buf);
    assert_true(len > 0 && len < PROXY_HEADER_MAX);
    return len;
}

static void line_is(const char *text, const struct address *local, const struct address *peer,
                    const char *line)
{
    char buf[PROXY_HEADER_MAX] = "";

    assert_int_equal(header(text, local, peer, buf), strlen(line));
    assert_string_equal(buf, line);
}

static void test_options(void **state)
{
    static const char *const bad[] = {"",
                                      "v",
                                      "v3",
                                      "v1=",
                                      "v1x",
                                      "v1=::",
                                      "v1=::1:80",
                                      "v2=a.b:1",
                                      "v2=1.2.3.4",
                                      "1",
                                      "v1=1.2.3.4:99999",
                                      "v1=[::1]80",
                                      "v2=[::1]"};
    struct proxy proxy;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(proxy_header_parse(bad[i], &proxy), -EINVAL);
    assert_int_equal(proxy_header_parse("v2", &proxy), 0);
    assert_int_equal(proxy.version, 2);
    assert_int_equal(proxy.source.len, 0);
    assert_int_equal(proxy_header_parse("v1=[2001:db8::1]:65535", &proxy), 0);
    assert_int_equal(address_port(&proxy.source), 65535);
}

static void test_version_1(void **state)
{
    struct address a = numeric("192.0.2.1", 1000), b = numeric("192.0.2.2", 7), c, d;

    (void)state;
    c = numeric("2001:db8::1", 1);
    d = numeric("2001:db8::2", 2);
    line_is("v1", &a, &b, "PROXY TCP4 192.0.2.1 192.0.2.2 1000 7\r\n");
    line_is("v1", &c, &d, "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n");
    line_is("v1=198.51.100.9:9", &a, &b, "PROXY TCP4 198.51.100.9 192.0.2.2 9 7\r\n");
    line_is("v1=[::9]:9", &a, &b, "PROXY TCP6 ::9 ::ffff:192.0.2.2 9 7\r\n");
    line_is("v1=198.51.100.9:9", &c, &d, "PROXY TCP6 ::ffff:198.51.100.9 2001:db8::2 9 2\r\n");
}

static void test_unix_sockets(void **state)
{
    struct address none = {.len = sizeof(none.un.sun_family), .un = {.sun_family = AF_UNIX}}, peer;
    char buf[PROXY_HEADER_MAX];

    (void)state;
    assert_int_equal(address_unix(&peer, "/run/x"), 0);
    line_is("v1", &none, &peer, "PROXY UNKNOWN\r\n");
    line_is("v1=192.0.2.1:5", &none, &peer, "PROXY TCP4 192.0.2.1 0.0.0.0 5 0\r\n");
    assert_int_equal(header("v2", &none, &peer, buf), 16);
    assert_memory_equal(buf, "\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", 16);
}

static void test_version_2(void **state)
{
    struct address a = numeric("192.0.2.1", 0x1234), b = numeric("192.0.2.2", 7), c, d;
    char buf[PROXY_HEADER_MAX];

    (void)state;
    assert_int_equal(header("v2", &a, &b, buf), 28);
    assert_memory_equal(
        buf, "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x12\x34\0\x07", 28);
    c = numeric("2001:db8::1", 1);
    d = numeric("2001:db8::2", 2);
    assert_int_equal(header("v2", &c, &d, buf), 52);
    assert_memory_equal(buf + 12, "\x21\x21\x00\x24\x20\x01\x0d\xb8", 8);
    assert_memory_equal(buf + 48, "\0\x01\0\x02", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_unix_sockets),
        cmocka_unit_test(test_version_2),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
