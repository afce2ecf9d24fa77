/*
 * What a whoami service answers, read by echoc: whole, of an older echod, and of another service.
 */
#include "base/macros.h"
#include "client/path/whoami_reply.h"

#include "client/io/json_read.h"
#include "unit.h"

#define FIRST                                                                                        \
    "{\"version\": \"0.1.0\", \"listener\": \"who\", \"peer\": \"192.0.2.1\", \"peer_port\": 4711, " \
    "\"local\": \"2001:db8::1\", \"local_port\": 7780, \"proxy\": null, \"proxy_port\": null"
#define HANDSHAKE                                                                                         \
    ", \"mss\": 1448, \"sent_mss\": 1460, \"agreed\": \"timestamps,sack,new,ecn\", \"syn\": \"client\", " \
    "\"syn_missing\": null, \"syn_ttl\": 57, \"syn_dscp\": 0, \"syn_ecn\": 0, "                           \
    "\"syn_ecn_setup\": true, \"syn_mss\": null, \"syn_window_scale\": 7, \"syn_sack\": true, "           \
    "\"syn_timestamps\": false, \"syn_options\": \"sack,window_scale\""

static void test_whole(void **state)
{
    struct whoami_reply reply;
    char text[ADDRESS_TEXT_MAX];

    (void)state;
    assert_int_equal(whoami_reply_parse(FIRST HANDSHAKE "}\n", &reply), 0);
    assert_string_equal(address_format(&reply.peer, text, sizeof(text)), "192.0.2.1:4711");
    assert_string_equal(address_format(&reply.local, text, sizeof(text)), "[2001:db8::1]:7780");
    assert_false(reply.proxied);
    assert_int_equal(reply.sent_mss, 1460);
    assert_int_equal(reply.agreed, AGREED_TIMESTAMPS | AGREED_SACK | AGREED_ECN);
    assert_true(reply.has_syn && reply.reports_syn);
    assert_int_equal(reply.syn.ttl, 57);
    assert_int_equal(reply.syn.mss, -1);
    assert_int_equal(reply.syn.window_scale, 7);
    assert_true(reply.syn.ecn_setup && reply.syn.sack);
    assert_false(reply.syn.timestamps);
    assert_string_equal(reply.syn.options, "sack,window_scale");
}

static void test_older(void **state)
{
    struct whoami_reply reply;

    (void)state;
    assert_int_equal(whoami_reply_parse(FIRST "}", &reply), 0);
    assert_false(reply.has_syn || reply.reports_syn);
    assert_int_equal(reply.agreed, -1);
    assert_int_equal(reply.peer.len, sizeof(struct sockaddr_in));
}

static void test_without_a_syn(void **state)
{
    struct whoami_reply reply;

    (void)state;
    assert_int_equal(
        whoami_reply_parse(FIRST ", \"syn\": null, \"syn_missing\": \"SYN cookies\"}", &reply), 0);
    assert_true(reply.reports_syn && !reply.has_syn);
    assert_string_equal(reply.missing, "SYN cookies");
    assert_int_equal(whoami_reply_parse(FIRST ", \"syn\": \"proxy\", \"syn_ttl\": 1}", &reply), 0);
    assert_false(reply.has_syn);
    /* One that claims to have it, but lacks it. */
    assert_int_equal(whoami_reply_parse(FIRST ", \"syn\": \"client\"}", &reply), 0);
    assert_false(reply.has_syn);
}

static void test_other_services(void **state)
{
    static const char *const others[] = {
        "",
        "2026-11-21T16:57:03Z\r\n",
        "{}",
        "{\"peer\": \"192.0.2.1\"}",
        "{\"listener\": \"a\", \"peer\": \"192.0.2.1\"} and more",
        "{\"listener\": \"a\", \"peer\": \"192.0.2.1\"",
        "{\"listener\": \"a\", \"peer\": \"192.0.2.1\",}",
        "[\"listener\", \"peer\"]",
    };
    struct whoami_reply reply;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_int_equal(whoami_reply_parse(others[i], &reply), -EBADMSG);
}

static void test_texts(void **state)
{
    struct json_value value;
    char buf[32];

    (void)state;
    assert_true(
        json_find("{\"x\": {\"a\": 1}, \"a\" :\t\"\\u0041\\n\\\"\\\\\\u00e9\"}", "a", &value));
    assert_true(json_text(&value, buf, sizeof(buf)));
    assert_string_equal(buf, "A\n\"\\?");
    assert_true(json_text(&value, buf, 3));
    assert_string_equal(buf, "A\n");
    assert_false(json_find("{\"x\": {\"a\": 1}}", "a", &value));
    assert_true(json_find("{\"a\": 70000}", "a", &value));
    assert_int_equal(json_number(&value, UINT16_MAX), -1);
    assert_int_equal(json_number(&value, 70000), 70000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_older),
        cmocka_unit_test(test_without_a_syn), cmocka_unit_test(test_other_services),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
