/*
 * What echoc path says of a handshake: a sentence for each difference, and none where there is
 * none.
 */
#include "client/path/compare.h"

#include "unit.h"

#include <sys/mman.h>

static struct address at(const char *host, uint16_t port)
{
    struct address a;

    assert_int_equal(address_numeric(&a, host, port), 0);
    return a;
}

#define ALL (AGREED_TIMESTAMPS | AGREED_SACK | AGREED_WINDOW_SCALE | AGREED_ECN)

/* A handshake over a path of HOPS hops without faults. */
static struct handshake sound(int ttl, int dscp, int hops)
{
    return (struct handshake){
        .own = at("192.0.2.1", 4711),
        .peer = at("198.51.100.1", 7780),
        .ttl = ttl,
        .dscp = dscp,
        .requested = ALL,
        .ecn_known = true,
        .agreed = ALL,
        .ecn_seen = true,
        .mss = 1460,
        .window_scale = 7,
        .peer_mss = 1460,
        .peer_mss_limit = 1460,
        .reply = {.peer = at("192.0.2.1", 4711),
                  .local = at("198.51.100.1", 7780),
                  .sent_mss = 1460,
                  .agreed = ALL,
                  .reports_syn = true,
                  .has_syn = true,
                  .syn = {.ttl = ttl - hops,
                          .dscp = dscp,
                          .mss = 1460,
                          .window_scale = 7,
                          .ecn_setup = true,
                          .sack = true,
                          .timestamps = true,
                          .options = "mss,sack,timestamps,nop,window_scale"}},
    };
}

static struct handshake plain, marked;

static int begin(void **state)
{
    (void)state;
    plain = sound(64, 0, 13);
    marked = sound(128, 46, 13);
    return 0;
}

/* Returns the findings for PLAIN and MARKED, a line each; HOPS is the expected number of hops. */
static const char *findings(int hops)
{
    static char text[4096];
    const struct common_options common = {.verbosity = VERBOSITY_QUIET};
    struct findings f = {.common = &common};
    int out = dup(STDOUT_FILENO), file = memfd_create("findings", MFD_CLOEXEC);
    size_t lines = 0;

    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    int got = path_compare(&f, &plain, &marked);
    findings_free(&f);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    ssize_t len = pread(file, text, sizeof(text) - 1, 0);
    close(file);
    assert_true(len >= 0);
    text[len] = '\0';
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    assert_int_equal(f.count, lines);
    assert_int_equal(got, hops);
    return text;
}

static void finds(const char *beginning)
{
    const char *text = findings(13);

    assert_memory_equal(text, beginning, strlen(beginning));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
}

static void test_sound(void **state)
{
    (void)state;
    assert_string_equal(findings(13), "");
    plain.reply.syn.ttl = 64 - 15; /* two more routers on one of two paths */
    assert_string_equal(findings(15), "");
    plain.peer_mss = 1360;
    plain.peer_mss_limit = 1360; /* this machine knows a smaller MTU */
    assert_string_equal(findings(15), "");
}

static void test_addresses(void **state)
{
    (void)state;
    plain.reply.peer = at("203.0.113.9", 60001);
    finds("192.0.2.1:4711 arrived as 203.0.113.9:60001: NAT\n");
    begin(NULL);
    plain.reply.local = at("10.1.1.1", 80);
    finds("198.51.100.1:7780 is 10.1.1.1:80 at the server: destination NAT");
    plain.reply.proxied = true; /* the SYN is that of the proxy */
    assert_string_equal(findings(13), "");
}

static void test_ttl(void **state)
{
    (void)state;
    marked.reply.syn.ttl = plain.reply.syn.ttl;
    assert_non_null(strstr(findings(-1), "TTL 64 arrived as 51, and 128 as 51: "));
    plain.reply.syn.ttl = 250;
    marked.reply.syn.ttl = 250;
    assert_non_null(strstr(findings(-1), "TTL 64 arrived as 250"));
}

static void test_dscp(void **state)
{
    (void)state;
    marked.reply.syn.dscp = 0;
    finds("DSCP ef became 0: something on the path clears it\n");
    plain.reply.syn.dscp = 8;
    finds("DSCP 0 became cs1: something on the path rewrites it\n");
}

static void test_options(void **state)
{
    (void)state;
    plain.reply.syn.mss = 1380;
    finds("MSS 1460 became 1380: something on the path clamps it");
    plain.reply.syn.mss = -1;
    finds("MSS 1460 was removed");
    begin(NULL);
    plain.peer_mss = 1200;
    finds("MSS 1460 of the server became 1200 on the way back");
    begin(NULL);
    plain.reply.syn.timestamps = false;
    finds("timestamps were removed: ");
    plain.requested &= ~AGREED_TIMESTAMPS; /* not sent */
    plain.agreed &= ~AGREED_TIMESTAMPS;
    assert_string_equal(findings(13), "");
    begin(NULL);
    plain.agreed &= ~AGREED_SACK;
    finds("SACK was removed on the way back: ");
    plain.reply.agreed &= ~(int)AGREED_SACK; /* the server does not support it */
    assert_string_equal(findings(13), "");
    begin(NULL);
    plain.reply.syn.window_scale = 2;
    finds("window scale 7 became 2: ");
    begin(NULL);
    strcpy(plain.reply.syn.options, "mss,nop,window_scale,sack,timestamps");
    finds("the TCP options arrived in a different order (mss,nop,window_scale,sack,timestamps): ");
}

static void test_ecn(void **state)
{
    (void)state;
    plain.reply.syn.ecn_setup = false;
    assert_string_equal(findings(13), ""); /* the other one had it: the first SYN was lost */
    marked.reply.syn.ecn_setup = false;
    finds("ECN was requested, but the request did not arrive: ");
    plain.requested &= ~AGREED_ECN;
    assert_string_equal(findings(13), "");
    begin(NULL);
    plain.agreed &= ~AGREED_ECN;
    finds("ECN was granted, but the reply arrived without it: ");
    begin(NULL);
    plain.ecn_seen = marked.ecn_seen = false;
    finds("ECN is in use, but packets from the server arrive without the mark: ");
    begin(NULL);
    plain.reply.syn.ecn = 3;
    finds("the ECN field 0 became 3: ");
}

static void test_unknown(void **state)
{
    (void)state;
    plain.reply.has_syn = false;
    plain.reply.syn = (struct arrived_syn){.ttl = -1};
    assert_string_equal(findings(-1), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sound, begin),   cmocka_unit_test_setup(test_addresses, begin),
        cmocka_unit_test_setup(test_ttl, begin),     cmocka_unit_test_setup(test_dscp, begin),
        cmocka_unit_test_setup(test_options, begin), cmocka_unit_test_setup(test_ecn, begin),
        cmocka_unit_test_setup(test_unknown, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
