/*
 * The messages of settings_load() about invalid configurations.
 */
#include "config/load.h"
#include "config/settings.h"

#include "unit.h"

#define L "[listen a]\n"

/* The file a.conf with TEXT is rejected with exactly the lines EXPECTED, or with lines of which
 * the first begins so. */
static void rejects(const char *text, const char *expected)
{
    struct problems problems = {0};
    char printed[8192] = "";

    write_file("a.conf", text, strlen(text));
    assert_null(settings_load("a.conf", &problems));
    assert_true(problems.fatal > 0);
    FILE *out = fmemopen(printed, sizeof(printed), "w");
    problems_print(&problems, out);
    fclose(out);
    problems_free(&problems);
    if (expected[strlen(expected) - 1] != '\n')
        printed[strlen(expected)] = '\0';
    assert_string_equal(printed, expected);
}

static void test_duplicate_key_names_both_lines(void **state)
{
    (void)state;
    rejects(L "port = 1\nport = 1\n", "a.conf:3: [listen a] port: already set in line 2\n");
    rejects(L "port = 1\n[listen b]\nport = 1\n" L "\nport = 2\n",
            "a.conf:7: [listen a] port: already set in line 2\n");
}

static void test_unknown_section(void **state)
{
    static const char *const names[] = {"servers",
                                        "Servers",
                                        " server",
                                        "",
                                        "listen",
                                        "listen ",
                                        "listena",
                                        "listen a b",
                                        "listen \xc3\xa4",
                                        "listen a/b",
                                        "listen 123456789012345678901234567890123"};
    char text[200], expected[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        /* Its contents cause no further messages. */
        snprintf(text, sizeof(text), L "[%s]\nport = x\nfoo = 1\n", names[i]);
        snprintf(expected, sizeof(expected),
                 "a.conf:2: [%s] is not a section; use [server] or [listen NAME] (NAME: up to "
                 "32 letters, digits, . _ -)\n",
                 names[i]);
        rejects(text, expected);
    }
}

static void test_section_in_capital_letters(void **state)
{
    (void)state;
    rejects(L "[Server]\n", "a.conf:2: [Server] is not a section; did you mean [server]?\n");
    rejects(L "[LISTEN  A]\n", "a.conf:2: [LISTEN  A] is not a section; did you mean [listen  "
                               "A]?\n");
}

static void test_unknown_key(void **state)
{
    (void)state;
    rejects("[server]\nmax_client = 1\n",
            "a.conf:2: [server] max_client: unknown option; did you mean max_clients?\n");
    rejects(L "adress = ::1\n",
            "a.conf:2: [listen a] adress: unknown option; did you mean address?\n");
    rejects(L "zzz = 1\n",
            "a.conf:2: [listen a] zzz: unknown option; echod --list-options shows them all\n");
    rejects(L "= 1\n", "a.conf:2: expected OPTION = VALUE\n");
}

static void test_key_of_the_other_section(void **state)
{
    (void)state;
    rejects(L "max_clients = 1\n", "a.conf:2: [listen a] max_clients: belongs in [server]\n");
    rejects("[server]\nport = 1\n", "a.conf:2: [server] port: belongs in [listen NAME]\n");
}

static void test_key_before_any_section(void **state)
{
    (void)state;
    rejects("port = 1\n" L,
            "a.conf:1: port: precedes the first section: begin with [server] or [listen NAME]\n");
}

static void test_bad_value_names_valid_values(void **state)
{
    (void)state;
    rejects("[server]\nmax_clients = 0\n",
            "a.conf:2: [server] max_clients: 0 is out of range (1 to 100000)\n");
    rejects("[server]\nwhen_full = wait\n",
            "a.conf:2: [server] when_full: \"wait\" is not one of refuse | queue\n");
    rejects(L "mode = 888\n", "a.conf:2: [listen a] mode: \"888\" is not a mode");
}

static void test_bad_value_shows_the_likely_mistake(void **state)
{
    (void)state;
    rejects("[server]\nidle_timeout = soon\n",
            "a.conf:2: [server] idle_timeout: \"soon\" is not a time span such as 90s or 1min 30s "
            "(0 to 365d)\n");
    rejects("[server]\nmax_clients = \"5\"\n",
            "a.conf:2: [server] max_clients: \"\"5\"\" is not a number (1 to 100000); quotes have "
            "no special meaning: remove them\n");
    rejects("[server]\nmax_clients = 5 # five\n",
            "a.conf:2: [server] max_clients: \"5 # five\" is not a number (1 to 100000); a comment "
            "after a value begins with \" ;\"\n");
    rejects("[server]\nmax_clients = 5;five\n",
            "a.conf:2: [server] max_clients: \"5;five\" is not a number (1 to 100000); a comment "
            "after a value begins with \" ;\"\n");
    rejects(L "address = '::1'\n",
            "a.conf:2: [listen a] address: \"'::1'\" is neither an address nor a host name nor *; "
            "quotes have no special meaning: remove them\n");
    rejects(L "allow = 10.0.0.1\n  10.0.0.2\n",
            "a.conf:3: expected OPTION = VALUE: an indented line does not "
            "continue the one before\n");
}

static void test_bad_limits_of_sources(void **state)
{
    (void)state;
    rejects("[server]\nsource_prefix = 32\n",
            "a.conf:2: [server] source_prefix: \"32\" is not a pair of prefix lengths, for IPv4 "
            "and "
            "IPv6: 32, 64\n");
    rejects("[server]\nsource_prefix = 32, 129\n",
            "a.conf:2: [server] source_prefix: 32, 129 is out of range (1 to 32, 1 to 128)\n");
    rejects(
        "[server]\nsource_rate = 20\n",
        "a.conf:2: [server] source_rate: \"20\" is not a rate (NUMBER/s, /min, /h or /d: 20/s), "
        "nor 0\n");
    rejects("[server]\nsource_rate = 1000001/s\n",
            "a.conf:2: [server] source_rate: 1000001/s is out "
            "of range (1 to 1000000 of /s, /min, /h or "
            "/d)\n");
}

static void test_reserved_for_nobody(void **state)
{
    (void)state;
    rejects(
        "[server]\nreserved = 1\n" L,
        "a.conf:2: [server] reserved: set monitor to the addresses that may use these places\n");
    rejects("[server]\nmax_clients = 5\nreserved = 5\nmonitor = ::1\n" L,
            "a.conf:3: [server] reserved: must be less than max_clients, or other clients are "
            "never "
            "served\n");
}

static void test_all_errors_at_once(void **state)
{
    (void)state;
    rejects("junk\n[server]\nmax_clients = x\nfoo = 1\n[nonsense]\n" L "port = -1\nport = 1\n[b\n",
            "a.conf:1: expected OPTION = VALUE\n"
            "a.conf:3: [server] max_clients: \"x\" is not a number (1 to 100000)\n"
            "a.conf:4: [server] foo: unknown option; echod --list-options shows them all\n"
            "a.conf:5: [nonsense] is not a section; use [server] or [listen NAME] (NAME: up "
            "to 32 letters, digits, . _ -)\n"
            "a.conf:7: [listen a] port: \"-1\" is neither a port (0 to 65535) nor a name in "
            "/etc/services\n"
            "a.conf:8: [listen a] port: already set in line 7\n"
            "a.conf:9: the section header has no closing ]\n");
}

static void test_no_listener(void **state)
{
    (void)state;
    rejects("", "a.conf: there is no [listen NAME] section, so there is nothing to listen on\n");
    rejects("[server]\n", "a.conf: there is no [listen NAME] section");
}

static void test_unix_rules(void **state)
{
    char text[300];

    (void)state;
    rejects(L "protocol = unix\naddress = relative\n",
            "a.conf:3: [listen a] address: with protocol = unix, give a path that begins with /, "
            "or @NAME\n");
    rejects(L "protocol = unix\n",
            "a.conf:1: [listen a] address: with protocol = unix, give a path");
    rejects(L "protocol = unix\naddress = @\n", "a.conf:3: [listen a] address: with protocol");
    rejects(L "address = /run/x\n",
            "a.conf:2: [listen a] address: /run/x is a path: did you mean protocol = unix?\n");
    snprintf(text, sizeof(text), L "protocol = unix\naddress = /%0107d\n", 0);
    rejects(text, "a.conf:3: [listen a] address: the path is too long for a Unix socket "
                  "(107 bytes at most)\n");
}

static void test_internet_rules(void **state)
{
    (void)state;
    rejects(L "address =\n", "a.conf:2: [listen a] address: give at least one address, or *\n");
    rejects(L "address = 127.1\n", "a.conf:2: [listen a] address: \"127.1\" is neither an address "
                                   "nor a host name nor *\n");
    rejects(L "address = 1.2.3.4.5\n", "a.conf:2: [listen a] address: ");
    rejects(L "address = ::1::\n", "a.conf:2: [listen a] address: ");
    rejects(L "address = -a\n", "a.conf:2: [listen a] address: ");
    rejects(L "address = a, b!\n", "a.conf:2: [listen a] address: \"b!\" is neither");
    rejects(L "address = a:80\n", "a.conf:2: [listen a] address: \"a:80\" includes a port: write "
                                  "port = 80 in a line of its own\n");
    rejects(L "address = [::1]:80\n", "a.conf:2: [listen a] address: \"[::1]:80\" includes a port: "
                                      "write port = 80 in a line of its own\n");
}

static void test_datagram_rules(void **state)
{
    (void)state;
    rejects(L "protocol = udp\nservice = chargen\n",
            "a.conf:3: [listen a] service: chargen over udp would amplify forged traffic: use "
            "protocol = tcp\n");
    rejects(L "protocol = udp\nservice = whoami\n",
            "a.conf:3: [listen a] service: whoami over udp would amplify forged traffic: use "
            "protocol = tcp\n");
    rejects(L "protocol = unix-dgram\naddress = @a\nservice = whoami\n",
            "a.conf:4: [listen a] service: whoami needs a connection: use protocol = unix\n");
    rejects(L "protocol = udp\nproxy_protocol = v2\nproxy_trust = ::1\n",
            "a.conf:3: [listen a] proxy_protocol: the header requires a stream: use "
            "protocol = tcp or unix\n");
    rejects(L "protocol = unix-seqpacket\naddress = @a\nproxy_protocol = v2\n",
            "a.conf:4: [listen a] proxy_protocol: the header requires a stream: use "
            "protocol = tcp or unix\n");
    rejects(L "protocol = unix-seqpacket\n",
            "a.conf:1: [listen a] address: with protocol = unix-seqpacket, give a path");
}

static void test_proxy_without_trust(void **state)
{
    (void)state;
    rejects(L "proxy_protocol = v2\n",
            "a.conf:2: [listen a] proxy_protocol: set proxy_trust to the addresses of the "
            "proxies, or anybody could forge the header\n");
}

static void test_terminal_is_safe_from_the_file(void **state)
{
    (void)state;
    rejects(L "\x1b[31m = 1\n", "a.conf:2: [listen a] \\x1b[31m: unknown option");
    rejects(L "port = \x1b[2J\xff\n", "a.conf:2: [listen a] port: \"\\x1b[2J\\xff\" is neither");
}

static void test_what_cannot_be_read(void **state)
{
    struct problems problems = {0};

    (void)state;
    assert_null(settings_load("missing.conf", &problems));
    assert_string_equal(problems.list[0].text,
                        "missing.conf: cannot be read: No such file or directory");
    assert_int_equal(problems.count, 1);
    problems_free(&problems);
    assert_null(settings_load(".", &problems));
    assert_string_equal(problems.list[0].text, ".: cannot be read: Is a directory");
    problems_free(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duplicate_key_names_both_lines),
        cmocka_unit_test(test_unknown_section),
        cmocka_unit_test(test_section_in_capital_letters),
        cmocka_unit_test(test_unknown_key),
        cmocka_unit_test(test_key_of_the_other_section),
        cmocka_unit_test(test_key_before_any_section),
        cmocka_unit_test(test_bad_value_names_valid_values),
        cmocka_unit_test(test_bad_value_shows_the_likely_mistake),
        cmocka_unit_test(test_bad_limits_of_sources),
        cmocka_unit_test(test_reserved_for_nobody),
        cmocka_unit_test(test_all_errors_at_once),
        cmocka_unit_test(test_no_listener),
        cmocka_unit_test(test_unix_rules),
        cmocka_unit_test(test_internet_rules),
        cmocka_unit_test(test_datagram_rules),
        cmocka_unit_test(test_proxy_without_trust),
        cmocka_unit_test(test_terminal_is_safe_from_the_file),
        cmocka_unit_test(test_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
