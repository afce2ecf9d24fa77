/*
 * The SYN of a connection, read from its bytes; and from a real one that the kernel has saved.
 */
#include "base/macros.h"
#include "net/syn.h"

#include "net/listener.h"
#include "unit.h"

#include <netinet/tcp.h>

/* A SYN of Linux over IPv4: DSCP ef, ECN asked for; MSS 1460, SACK, timestamps, a scale of 7. */
static const uint8_t ipv4[60] = {
    0x45, 0xb8, 0,    60,   0,    0,    0x40, 0,  63, 6,
    0,    0,    192,  0,    2,    1,    192,  0,  2,  2, /* IP */
    0x12, 0x34, 0x1e, 0x64, 0,    0,    0,    1,  0,  0,
    0,    0,    0xa0, 0xc2, 0xfa, 0xf0, 0,    0,  0,  0, /* TCP */
    2,    4,    0x05, 0xb4, 4,    2,    8,    10, 0,  0,
    0,    1,    0,    0,    0,    0,    1,    3,  3,  7,
};
#define TCP_AT 20

/* The IPv6 header of a packet whose next header is NEXT. */
static size_t put_ipv6(uint8_t *at, uint8_t next)
{
    memset(at, 0, 40);
    at[0] = 0x62, at[1] = 0x20; /* the traffic class 0x22: DSCP 8, ECT(0) */
    at[6] = next, at[7] = 255;
    return 40;
}

static void test_ipv4(void **state)
{
    struct syn syn;
    char text[SYN_OPTIONS_TEXT_MAX];

    (void)state;
    assert_int_equal(syn_parse(ipv4, sizeof(ipv4), &syn), 0);
    assert_int_equal(syn.ttl, 63);
    assert_int_equal(syn.dscp, 46);
    assert_int_equal(syn.ecn, 0);
    assert_true(syn.ecn_setup && syn.sack && syn.timestamps);
    assert_int_equal(syn.window, 64240);
    assert_int_equal(syn.mss, 1460);
    assert_int_equal(syn.window_scale, 7);
    assert_string_equal(syn_options(&syn, text), "mss,sack,timestamps,nop,window_scale");
}

static void test_ipv6_and_what_comes_before_tcp(void **state)
{
    uint8_t packet[256];
    struct syn syn;
    size_t len = put_ipv6(packet, IPPROTO_TCP);

    (void)state;
    memcpy(packet + len, ipv4 + TCP_AT, 40);
    assert_int_equal(syn_parse(packet, len + 40, &syn), 0);
    assert_int_equal(syn.ttl, 255);
    assert_int_equal(syn.dscp, 8);
    assert_int_equal(syn.ecn, 2);
    assert_int_equal(syn.mss, 1460);

    len = put_ipv6(packet, IPPROTO_HOPOPTS);
    memcpy(packet + len, (const uint8_t[24]){IPPROTO_DSTOPTS, 0, [8] = IPPROTO_TCP, 1}, 24);
    memcpy(packet + len + 24, ipv4 + TCP_AT, 40);
    assert_int_equal(syn_parse(packet, len + 64, &syn), 0);
    assert_int_equal(syn.window_scale, 7);
    packet[len] = IPPROTO_UDP;
    assert_int_equal(syn_parse(packet, len + 64, &syn), -EBADMSG);
}

static void test_ipv4_with_options(void **state)
{
    uint8_t packet[64] = {0x46};
    struct syn syn;

    (void)state;
    memcpy(packet + 1, ipv4 + 1, 19);
    memcpy(packet + 24, ipv4 + TCP_AT, 40);
    assert_int_equal(syn_parse(packet, sizeof(packet), &syn), 0);
    assert_int_equal(syn.mss, 1460);
}

/* The options TEXT that the LEN bytes at OPTIONS are. */
static struct syn of_options(const void *options, size_t len, const char *text)
{
    uint8_t packet[sizeof(ipv4)];
    char buf[SYN_OPTIONS_TEXT_MAX];
    struct syn syn;

    memcpy(packet, ipv4, sizeof(packet));
    packet[TCP_AT + 12] = (uint8_t)((5 + len / 4) << 4);
    memcpy(packet + 40, options, len);
    assert_int_equal(syn_parse(packet, 40 + len, &syn), 0);
    assert_string_equal(syn_options(&syn, buf), text);
    return syn;
}

static void test_options(void **state)
{
    struct syn syn = of_options("", 0, "");

    (void)state;
    assert_int_equal(syn.mss, -1);
    assert_int_equal(syn.window_scale, -1);
    assert_false(syn.sack || syn.timestamps);
    of_options("\x01\x01\x01\x00", 4, "nop,nop,nop,end");
    of_options("\x00\x02\x04\x05", 4, "end");
    of_options("\x22\x02\xfd\x02", 4, "fast_open,kind-253");
    of_options("\x04\x02\x02\x00", 4, "sack");          /* a length that cannot be */
    of_options("\x04\x02\x02\x04", 4, "sack");          /* one beyond the end */
    syn = of_options("\x02\x03\x05\x00", 4, "mss,end"); /* an MSS of one byte */
    assert_int_equal(syn.mss, -1);
}

static void test_what_is_none(void **state)
{
    uint8_t packet[sizeof(ipv4)];
    struct syn syn;

    (void)state;
    for (size_t cut = 0; cut < sizeof(ipv4); cut++)
        assert_int_equal(syn_parse(ipv4, cut, &syn), -EBADMSG);
    memcpy(packet, ipv4, sizeof(packet));
    packet[0] = 0x44; /* a header of 16 bytes */
    assert_int_equal(syn_parse(packet, sizeof(packet), &syn), -EBADMSG);
    packet[0] = 0x55;
    assert_int_equal(syn_parse(packet, sizeof(packet), &syn), -EBADMSG);
    packet[0] = 0x45;
    packet[TCP_AT + 12] = 0x40;
    assert_int_equal(syn_parse(packet, sizeof(packet), &syn), -EBADMSG);
}

/* The SYN of a connection to a listener on HOST with TCP_SAVE_SYN = SAVE. Returns its length. */
static int saved(const char *host, bool save, struct syn *syn)
{
    char reason[NET_REASON_MAX];
    struct address a;
    uint8_t bytes[512];
    socklen_t len = sizeof(bytes);

    assert_int_equal(address_numeric(&a, host, 0), 0);
    int listener = listener_open(&a, SOCK_STREAM, 0, reason);
    if (listener < 0) /* no IPv6 here */
        return -1;
    listener_save_syn(listener, save);
    assert_int_equal(address_local(&a, listener), 0);
    int client = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, &a.sa, a.len), 0);
    int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_SAVED_SYN, bytes, &len), 0);
    if (len > 0)
        assert_int_equal(syn_parse(bytes, len, syn), 0);
    fd_close(&client);
    fd_close(&server);
    fd_close(&listener);
    return (int)len;
}

static void test_real_ones(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    struct syn syn;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        int len = saved(hosts[i], true, &syn);
        if (len < 0)
            continue;
        assert_true(len > 40);
        assert_true(syn.mss > 0 && syn.ttl > 0 && syn.option_count > 0);
        assert_int_equal(saved(hosts[i], false, &syn), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4),
        cmocka_unit_test(test_ipv6_and_what_comes_before_tcp),
        cmocka_unit_test(test_ipv4_with_options),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_real_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
