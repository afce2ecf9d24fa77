#include "base/clock.h"
#include "base/macros.h"
#include "worker/proxy.h"

#include "ipc/end.h"

#include "unit.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4_BLOCK "\xc0\0\x02\x01\xc6\x33\x64\x02\x10\x92\x01\xbb" /* 192.0.2.1, 198.51.100.2 */
#define TCP6_BLOCK                                                                                 \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                                                   \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"                                                   \
    "\x10\x92\x01\xbb"
#define UNIX_BLOCK_SIZE 216

struct header {
    const char *bytes;
    size_t len;
    const char *source, *destination; /* or NULL */
};
#define BYTES(text) text, sizeof(text) - 1
#define NOBODY NULL, NULL
#define IPV4 "192.0.2.1:4242", "198.51.100.2:443"
#define IPV6 "[2001:db8::1]:4242", "[2001:db8::2]:443"

/* First version 1, then version 2. The checksums were computed by another program. */
static const struct header headers[] = {
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 4242 443\r\n"), IPV4},
    {BYTES("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"), "0.0.0.0:0", "255.255.255.255:65535"},
    {BYTES("PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n"), "1.1.1.1:1", "1.1.1.1:1"},
    {BYTES("PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:0:2 4242 443\r\n"), IPV6},
    {BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6402 4242 443\r\n"), IPV4},
    {BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {BYTES("PROXY UNKNOWN\r\n"), NOBODY},
    {BYTES("PROXY UNKNOWN 192.0.2.1 and \0 the like\r\n"), NOBODY},
    {BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     NOBODY},
#define FIRST_V2 9
    {BYTES(SIGNATURE "\x21\x11\0\x0c" TCP4_BLOCK), IPV4},
    {BYTES(SIGNATURE "\x21\x21\0\x24" TCP6_BLOCK), IPV6},
    {BYTES(SIGNATURE "\x21\x12\0\x0c" TCP4_BLOCK), NOBODY}, /* for a datagram */
    {BYTES(SIGNATURE "\x20\0\0\0"), NOBODY},
    {BYTES(SIGNATURE "\x20\x11\0\x0c" TCP4_BLOCK), NOBODY}, /* LOCAL with an address block */
    {BYTES(SIGNATURE "\x20\xff\0\x03"
                     "abc"),
     NOBODY},
    {BYTES(SIGNATURE "\x21\0\0\0"), NOBODY},
    {BYTES(SIGNATURE "\x21\0\0\x05"
                     "\xff\xff\xff\xff\xff"),
     NOBODY},
    {BYTES(SIGNATURE "\x21\x10\0\x0c" TCP4_BLOCK), NOBODY},
    /* NOOP, one of an unknown type, of no length */
    {BYTES(SIGNATURE "\x21\x11\0\x14" TCP4_BLOCK "\x04\0\x02xx\xe0\0\0"), IPV4},
    {BYTES(SIGNATURE "\x21\x11\0\x13" TCP4_BLOCK "\x03\0\x04\x09\xb9\x0e\x98"), IPV4},
    {BYTES(SIGNATURE "\x21\x21\0\x2f" TCP6_BLOCK "\x04\0\x01x\x03\0\x04\xc4\xb4\x1a\x0e"), IPV6},
};

static void expect_address(const struct address *address, const char *expected)
{
    char text[ADDRESS_TEXT_MAX];

    if (expected)
        assert_string_equal(address_format(address, text, sizeof(text)), expected);
    else
        assert_int_equal(address->len, 0);
}

static int parse(const void *bytes, size_t len, enum proxy_protocol wanted)
{
    struct proxied found;

    return proxy_parse(bytes, len, wanted, &found);
}

static void test_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        const struct header *header = &headers[i];
        const uint8_t *bytes = (const uint8_t *)header->bytes;
        enum proxy_protocol own = i < FIRST_V2 ? PROXY_V1 : PROXY_V2;
        struct proxied found;
        assert_int_equal(proxy_parse(bytes, header->len, own, &found), 0);
        expect_address(&found.source, header->source);
        expect_address(&found.destination, header->destination);
        assert_int_equal(proxy_parse(bytes, header->len, PROXY_ANY, &found), 0);
        expect_address(&found.source, header->source);
        assert_int_equal(parse(bytes, header->len, own == PROXY_V1 ? PROXY_V2 : PROXY_V1),
                         -EPROTONOSUPPORT);
    }
}

/* If it is cut anywhere, more bytes are requested, and never more than there are. */
static void test_every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
        for (size_t len = 0; len < headers[i].len; len++) {
            struct proxied found;
            int missing = proxy_parse((const uint8_t *)headers[i].bytes, len, PROXY_ANY, &found);
            assert_in_range(missing, 1, headers[i].len - len);
            expect_address(&found.source, NULL);
        }
}

static void test_no_headers(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } wrong[] = {
        {BYTES("GET / HTTP/1.1\r\n")},
        {BYTES("x")},
        {BYTES("\r\n\r\nX")},
        {BYTES("proxy TCP4")},
        {BYTES("PROXY\tTCP4")},
        {BYTES("\0")},
        {BYTES(SIGNATURE "\x11\x11\0\x0c")}, /* another version */
        {BYTES(SIGNATURE "\x22\x11\0\x0c")}, /* another command */
        {BYTES(SIGNATURE "\x21\x41\0\0")},   /* another family */
        {BYTES(SIGNATURE "\x21\x13\0\0")},   /* another protocol */
        {BYTES(SIGNATURE "\x21\x11\0\x0b" TCP4_BLOCK)},
        {BYTES(SIGNATURE "\x21\x11\0\0")},
        {BYTES(SIGNATURE "\x21\x21\0\x0c" TCP4_BLOCK)},
        {BYTES(SIGNATURE "\x21\x31\0\x0c" TCP4_BLOCK)},
        {BYTES(SIGNATURE "\x21\x11\0\x0d" TCP4_BLOCK "\x04")},        /* half a TLV */
        {BYTES(SIGNATURE "\x21\x11\0\x10" TCP4_BLOCK "\x04\0\x02x")}, /* one that is too long */
        {BYTES(SIGNATURE "\x21\x11\0\x10" TCP4_BLOCK "\x04\xff\xffx")},
        {BYTES(SIGNATURE "\x21\x11\0\x12" TCP4_BLOCK "\x03\0\x03"
                         "abc")}, /* a checksum of another length */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(parse(wrong[i].bytes, wrong[i].len, PROXY_ANY), -EPROTO);
}

static void test_wrong_lines(void **state)
{
    static const char *const wrong[] = {
        "PROXY TCP4 192.0.2.1 198.51.100.2 4242 443\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4242 443\r\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4242 443 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4242 443 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4242\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4242 \r\n",
        "PROXY  TCP4 192.0.2.1 198.51.100.2 4242 443\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.2 4242 443\r\n",
        "PROXY TCP4 192.0.2.1\t198.51.100.2 4242 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 04242 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4242 00\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 4242 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1e1 443\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.2 4242 443\r\n",
        "PROXY TCP4 192.0.2 198.51.100.2 4242 443\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.2 4242 443\r\n",
        "PROXY TCP4 192.0.2.1 host 4242 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 4242 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 4242 443\r\n",
        "PROXY TCP6 fe80::1%lo fe80::2 4242 443\r\n",
        "PROXY TCP6 [2001:db8::1] 2001:db8::2 4242 443\r\n",
        "PROXY TCP6 2001:db8::1::2 2001:db8::2 4242 443\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.2 4242 443\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.2 4242 443\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.2 4242 443\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY unknown\r\n",
        "PROXY UNKNOWN\n\r\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        if (parse(wrong[i], strlen(wrong[i]), PROXY_ANY) != -EPROTO)
            fail_msg("taken for a header: %s", wrong[i]);
}

static void test_nul_in_a_line(void **state)
{
    static const char line[] = "PROXY TCP4 192.0.2.1 198.51.100.2 4242 443\0junk\r\n";
    static const char unknown[] = "PROXY UNKNOWN\0junk\r\n";

    (void)state;
    assert_int_equal(parse(line, sizeof(line) - 1, PROXY_V1), -EPROTO);
    assert_int_equal(parse(unknown, sizeof(unknown) - 1, PROXY_V1), -EPROTO);
}

static void test_line_without_end(void **state)
{
    char line[200];

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    for (size_t len = 0; len <= 105; len++)
        assert_in_range(parse(line, len, PROXY_V1), 1, 107 - len);
    assert_int_equal(parse(line, 106, PROXY_V1), -EPROTO);
    line[106] = '\r';
    line[107] = '\n';
    assert_int_equal(parse(line, 107, PROXY_V1), -EPROTO);
    assert_int_equal(parse(line, 108, PROXY_V1), -EPROTO);
    line[105] = '\r';
    line[106] = '\n';
    assert_int_equal(parse(line, 107, PROXY_V1), 0);
}

/* A Unix socket of the proxy, whose address we cannot represent, is accepted. */
static void test_unix_addresses(void **state)
{
    char bytes[16 + UNIX_BLOCK_SIZE] = SIGNATURE "\x21\x31\0\xd8/run/x";
    struct proxied found;

    (void)state;
    assert_int_equal(proxy_parse((uint8_t *)bytes, sizeof(bytes), PROXY_V2, &found), 0);
    expect_address(&found.source, NULL);
    assert_int_equal(parse(bytes, sizeof(bytes) - 1, PROXY_V2), 1);
}

static void test_longest(void **state)
{
    static uint8_t bytes[PROXY_HEADER_MAX] = SIGNATURE "\x21\x11\xff\xff" TCP4_BLOCK;
    const size_t first = 28;

    (void)state;
    bytes[first] = 4;
    bytes[first + 1] = (uint8_t)((sizeof(bytes) - first - 3) >> 8);
    bytes[first + 2] = (uint8_t)(sizeof(bytes) - first - 3);
    assert_int_equal(parse(bytes, 16, PROXY_V2), UINT16_MAX);
    assert_int_equal(parse(bytes, sizeof(bytes), PROXY_V2), 0);
}

/* ---- checksums ---- */

/* Each bit of the header matters, including those of the checksum. */
static void test_checksum_finds_any_bit(void **state)
{
    uint8_t bytes[256];

    (void)state;
    for (size_t i = ARRAY_SIZE(headers) - 2; i < ARRAY_SIZE(headers); i++)
        for (size_t bit = 0; bit < 8 * headers[i].len; bit++) {
            memcpy(bytes, headers[i].bytes, headers[i].len);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            int r = parse(bytes, headers[i].len, PROXY_V2);
            bool in_block = bit / 8 >= 16 && bit / 8 < 28;
            bool in_sum = bit / 8 >= headers[i].len - 4;
            if (in_block || in_sum)
                assert_int_equal(r, -EBADMSG);
        }
}

static void test_second_checksum_is_rejected(void **state)
{
    static const char bytes[] =
        SIGNATURE "\x21\x11\0\x1a" TCP4_BLOCK "\x03\0\x04\x45\x54\x61\xd6\x03\0\x04\0\0\0\0";

    (void)state;
    assert_int_equal(parse(bytes, sizeof(bytes) - 1, PROXY_V2), -EPROTO);
}

/* Headers with some bytes changed, and cut somewhere: the sanitizers see to it that none is read
 * beyond its end. */
static void test_random_bytes(void **state)
{
    uint32_t random = 20260101;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        random = random * 1664525 + 1013904223;
        const struct header *header = &headers[(random >> 8) % ARRAY_SIZE(headers)];
        size_t len = (random >> 16) % (header->len + 1);
        uint8_t *bytes = malloc(len + 1);
        memcpy(bytes, header->bytes, len);
        for (uint32_t changes = random >> 30; changes > 0 && len > 0; changes--) {
            random = random * 1664525 + 1013904223;
            bytes[(random >> 8) % len] = (uint8_t)(random >> 24);
        }
        struct proxied found;
        int r = proxy_parse(bytes, len, PROXY_ANY, &found);
        assert_true(r >= 0 || r == -EPROTO || r == -EBADMSG);
        if (r != 0)
            expect_address(&found.source, NULL);
        free(bytes);
    }
}

/* ---- receiving ---- */

static void receives(const char *bytes, size_t len, size_t cut, const char *source)
{
    struct slot slot = {0};
    struct stream stream;
    struct proxied found;
    char rest[8];
    int pair[2];

    unix_pair(pair);
    pid_t writer = fork();
    if (writer == 0) {
        /* The second part is sent once the first has been read. */
        int left = 1;
        bool ok = send(pair[1], bytes, cut, 0) == (ssize_t)cut;
        while (ok && left > 0)
            ok = ioctl(pair[1], SIOCOUTQ, &left) == 0;
        _exit(!ok || send(pair[1], bytes + cut, len - cut, 0) != (ssize_t)(len - cut) ||
              send(pair[1], "after", 5, 0) != 5);
    }
    stream_init(&stream, pair[0], &slot, 60 * USEC_PER_SEC, 0);
    uint64_t until = clock_now() + 60 * USEC_PER_SEC;
    assert_int_equal(proxy_receive(&stream, until, PROXY_ANY, &found), 0);
    expect_address(&found.source, source);
    assert_int_equal(slot.bytes_in, 0);
    assert_int_equal(recv(pair[0], rest, 5, MSG_WAITALL), 5);
    assert_memory_equal(rest, "after", 5);
    assert_int_equal(child_end(writer), 0);
    close(pair[0]);
    close(pair[1]);
}

static void test_receives_header_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
        receives(headers[i].bytes, headers[i].len, headers[i].len / 2, headers[i].source);
}

static void ends(const char *bytes, uint64_t session, bool close_it, int expected, int error)
{
    struct slot slot = {0};
    struct stream stream;
    struct proxied found;
    int pair[2];

    unix_pair(pair);
    assert_int_equal(fd_write_all(pair[1], bytes, strlen(bytes)), 0);
    if (close_it)
        shutdown(pair[1], SHUT_WR);
    stream_init(&stream, pair[0], &slot, 1, session);
    uint64_t until = clock_now() + (close_it ? 60 * USEC_PER_SEC : 20 * USEC_PER_MSEC);
    assert_int_equal(proxy_receive(&stream, until, PROXY_V1, &found), expected);
    assert_int_equal(slot.error, error);
    assert_int_equal(stream.idle, 1);
    close(pair[0]);
    close(pair[1]);
}

static void test_how_receiving_ends(void **state)
{
    (void)state;
    ends("", 0, true, END_CLOSED, 0);
    ends("PROXY TCP4", 0, true, END_PROXY, EPROTO);
    ends("hello", 0, true, END_PROXY, EPROTO);
    ends("\r\n\r\n", 0, true, END_PROXY, EPROTONOSUPPORT);
    ends("", 0, false, END_PROXY, ETIME);
    ends("PROXY TCP4", 0, false, END_PROXY, ETIME);
    ends("", 1, false, -ETIME, 0); /* the end of the session comes first */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_no_headers),
        cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_nul_in_a_line),
        cmocka_unit_test(test_line_without_end),
        cmocka_unit_test(test_unix_addresses),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_checksum_finds_any_bit),
        cmocka_unit_test(test_second_checksum_is_rejected),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_receives_header_and_no_more),
        cmocka_unit_test(test_how_receiving_ends),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
