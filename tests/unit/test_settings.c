#include "base/clock.h"
#include "config/load.h"
#include "config/sections.h"
#include "config/settings.h"

#include "unit.h"

#include <syslog.h>

#define LISTEN "[listen a]\n"

static char printed[8192]; /* the problems of the last load(), a line each */

/* Loads TEXT, written to the file PATH. */
static struct settings *load_as(const char *path, const char *text)
{
    struct problems problems = {0};

    write_file(path, text, strlen(text));
    struct settings *settings = settings_load(path, &problems);
    memset(printed, 0, sizeof(printed));
    FILE *out = fmemopen(printed, sizeof(printed), "w");
    problems_print(&problems, out);
    fclose(out);
    assert_int_equal(settings == NULL, problems.fatal > 0);
    problems_free(&problems);
    return settings;
}

/* What loads without a problem. */
static struct settings *loads(const char *text)
{
    struct settings *settings = load_as("a.conf", text);

    assert_string_equal(printed, "");
    assert_non_null(settings);
    return settings;
}

static void test_defaults(void **state)
{
    struct settings *settings = loads(LISTEN);
    const struct server_settings *server = settings->server;
    const struct listen_settings *listen = settings->listens[0];

    (void)state;
    assert_int_equal(server->max_clients, 1000);
    assert_int_equal(server->max_per_source, 100);
    assert_int_equal(server->source_prefix.ipv4, 32);
    assert_int_equal(server->source_prefix.ipv6, 64);
    assert_int_equal(server->source_rate.count, 100);
    assert_int_equal(server->reserved, 0);
    assert_int_equal(server->monitor.count, 0);
    assert_int_equal(server->when_full, WHEN_FULL_REFUSE);
    assert_int_equal(server->idle_timeout, 300 * USEC_PER_SEC);
    assert_int_equal(server->session_timeout, 0);
    assert_int_equal(server->keepalive, 120 * USEC_PER_SEC);
    assert_int_equal(server->drain_timeout, 30 * USEC_PER_SEC);
    assert_true(server->log_sessions);
    assert_int_equal(server->log_level, LOG_INFO);
    assert_int_equal(settings->listen_count, 1);
    assert_string_equal(listen->name, "a");
    assert_int_equal(listen->addresses.count, 2);
    assert_string_equal(listen->addresses.item[1], "::1");
    assert_int_equal(listen->port, 7777);
    assert_int_equal(listen->mode, 0666);
    assert_int_equal(listen->service, SERVICE_ECHO);
    assert_int_equal(listen->greeting.len, 0);
    assert_string_equal(listen->reply.data, "OK");
    assert_int_equal(listen->max_message, 1024);
    settings_free(settings);
}

static void test_values_reach_their_fields(void **state)
{
    struct settings *settings = loads("[server]\nmax_clients = 5\nlog_sessions = no\n"
                                      "[listen x]\naddress = *\nport = 70\nservice = message\n"
                                      "greeting = hi\\n\nallow = 10.0.0.0/8, ::1\n");
    const struct listen_settings *listen = settings->listens[0];

    (void)state;
    assert_int_equal(settings->server->max_clients, 5);
    assert_false(settings->server->log_sessions);
    assert_string_equal(listen->addresses.item[0], "*");
    assert_int_equal(listen->port, 70);
    assert_int_equal(listen->service, SERVICE_MESSAGE);
    assert_memory_equal(listen->greeting.data, "hi\n", 4);
    assert_int_equal(listen->allow.count, 2);
    assert_int_equal(settings->server->max_per_source, 100);
    settings_free(settings);
}

static void test_listeners_keep_the_order_of_the_file(void **state)
{
    struct settings *settings = loads("[listen z]\nport=1\n[listen  a]\nport=2\n[listen\tm]\n");

    (void)state;
    assert_int_equal(settings->listen_count, 3);
    assert_string_equal(settings->listens[0]->name, "z");
    assert_string_equal(settings->listens[1]->name, "a");
    assert_int_equal(settings->listens[1]->port, 2);
    assert_string_equal(settings->listens[2]->name, "m");
    settings_free(settings);
}

static void test_repeated_section_continues(void **state)
{
    struct settings *settings = loads("[listen a]\nport = 5\n[server]\nmax_clients = 5\n"
                                      "[listen a]\nservice = discard\n"
                                      "[server]\nmax_per_source = 6\n");

    (void)state;
    assert_int_equal(settings->listen_count, 1);
    assert_int_equal(settings->listens[0]->port, 5);
    assert_int_equal(settings->listens[0]->service, SERVICE_DISCARD);
    assert_int_equal(settings->server->max_clients, 5);
    assert_int_equal(settings->server->max_per_source, 6);
    settings_free(settings);
}

static void origin_is(const struct settings *settings, size_t listen, const char *key,
                      const char *file, unsigned line)
{
    struct origin origin = settings_origin(settings, settings->listens[listen], key);

    assert_string_equal(origin.file, file);
    assert_int_equal(origin.line, line);
}

static void drop_in(const char *name, const char *text)
{
    char path[100];

    snprintf(path, sizeof(path), "drop.conf.d/%s", name);
    write_file(path, text, strlen(text));
}

static void test_drop_ins_override_in_the_order_of_their_names(void **state)
{
    (void)state;
    assert_int_equal(mkdir("drop.conf.d", 0700), 0);
    /* Neither in this order nor in the opposite one, as a directory may list them. */
    drop_in("20.conf", "\n[listen a]\nport = 12\n[listen b]\nport = 13\n");
    drop_in("40.conf", "[listen a]\nport = 14\n");
    drop_in("10.conf", "[listen a]\nport = 11\nreply = ten\n");
    drop_in("30.conf", "[listen a]\nport = 13\n");
    for (int i = 0; i < 8; i++) { /* enough that no directory lists them in order by chance */
        char name[16];
        snprintf(name, sizeof(name), "0%d.conf", i * 3 % 8);
        drop_in(name, "");
    }
    drop_in("50.conf~", "[listen a]\ngreeting = ignored\n");
    drop_in(".60.conf", "[listen a]\ngreeting = ignored\n");
    drop_in(".conf", "[listen a]\ngreeting = ignored\n");
    struct settings *settings =
        load_as("drop.conf", "[listen a]\nport = 10\nservice = message\nreply = no\n");
    assert_string_equal(printed, "");
    assert_int_equal(settings->file_count, 13);
    for (size_t i = 2; i < settings->file_count; i++)
        assert_true(strcmp(settings->files[i - 1], settings->files[i]) < 0);
    assert_int_equal(settings->listens[0]->port, 14);
    assert_string_equal(settings->listens[0]->reply.data, "ten");
    assert_int_equal(settings->listens[0]->greeting.len, 0);
    assert_int_equal(settings->listens[1]->port, 13);
    origin_is(settings, 0, "port", "drop.conf.d/40.conf", 2);
    origin_is(settings, 0, "reply", "drop.conf.d/10.conf", 3);
    origin_is(settings, 0, "service", "drop.conf", 3);
    origin_is(settings, 0, "greeting", "drop.conf", 1); /* its section: it has the default */
    origin_is(settings, 1, "port", "drop.conf.d/20.conf", 5);
    origin_is(settings, 1, "service", "drop.conf.d/20.conf", 4);
    settings_free(settings);
}

static void test_drop_in_with_an_error_is_named(void **state)
{
    static const char bad[] = "[listen a]\nport = x\n";

    (void)state;
    assert_int_equal(mkdir("bad.conf.d", 0700), 0);
    write_file("bad.conf.d/a.conf", bad, strlen(bad));
    assert_null(load_as("bad.conf", "[listen a]\nport = 10\n"));
    assert_ptr_equal(strstr(printed, "bad.conf.d/a.conf:2: [listen a] port: "), printed);
}

/* ---- lists ---- */

/* The addresses of the first listener, and "line:" before each. */
static const char *addresses(const struct settings *settings)
{
    static char text[512];
    const struct words *words = &settings->listens[0]->addresses;

    text[0] = '\0';
    for (size_t i = 0; i < words->count; i++)
        text_append(text, sizeof(text), "%u:%s ",
                    settings_item_origin(settings, settings->listens[0], "address", i).line,
                    words->item[i]);
    return text;
}

static void test_repeated_list_is_extended(void **state)
{
    static const struct {
        const char *text, *addresses;
    } cases[] = {
        {"[listen a]\n", "1:127.0.0.1 1:::1 "}, /* the defaults, of the section */
        {"[listen a]\naddress = 10.0.0.1\n", "2:10.0.0.1 "},
        {"[listen a]\naddress = 10.0.0.1\naddress = 10.0.0.2, 10.0.0.3\n",
         "2:10.0.0.1 3:10.0.0.2 3:10.0.0.3 "},
        {"[listen a]\naddress = 10.0.0.1\naddress =\naddress = ::2\naddress = ::3\n",
         "4:::2 5:::3 "},
        {"[listen a]\naddress =\naddress = ::2\n", "3:::2 "},
        {"[listen a]\naddress = ::2\n[listen b]\naddress = ::3\n[listen a]\naddress = ::4\n",
         "2:::2 6:::4 "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct settings *settings = loads(cases[i].text);
        assert_string_equal(addresses(settings), cases[i].addresses);
        settings_free(settings);
    }
}

static void test_every_list_may_be_set_again(void **state)
{
    struct settings *settings =
        loads("[server]\nmonitor = ::1\nmonitor = ::2\n"
              "[listen a]\nproxy_protocol = v2\nproxy_trust = 10.0.0.1\nproxy_trust = 10.0.0.2\n"
              "allow = 10.0.0.0/8\nallow = 11.0.0.0/8\ndeny = 10.1.0.0/16\ndeny = ::/0\n");
    const struct listen_settings *listen = settings->listens[0];

    (void)state;
    assert_int_equal(settings->server->monitor.count, 2);
    assert_int_equal(settings->server->monitor.index_count, 2);
    assert_int_equal(listen->proxy_trust.count, 2);
    assert_int_equal(listen->allow.count, 2);
    assert_int_equal(listen->allow.item[1].line, 9);
    assert_int_equal(listen->deny.count, 2);
    assert_int_equal(listen->deny.index_count, 2);
    settings_free(settings);
}

static void test_a_later_file_replaces_a_list(void **state)
{
    (void)state;
    assert_int_equal(mkdir("list.conf.d", 0700), 0);
    write_file("list.conf.d/a.conf", "[listen a]\naddress = ::3\naddress = ::4\n", 39);
    struct settings *settings = load_as("list.conf", "[listen a]\naddress = ::1\naddress = ::2\n");
    assert_string_equal(addresses(settings), "2:::3 3:::4 ");
    origin_is(settings, 0, "address", "list.conf.d/a.conf", 2);
    settings_free(settings);
    write_file("list.conf.d/b.conf", "[listen a]\naddress =\n", 21);
    assert_null(load_as("list.conf", "[listen a]\naddress = ::1\n"));
    assert_non_null(strstr(printed, "b.conf:2: [listen a] address: give at least one address"));
}

/* A bad line is reported with its number, and adds nothing. */
static void test_each_line_of_a_list_is_reported(void **state)
{
    (void)state;
    assert_null(load_as("a.conf", "[listen a]\nallow = 10.0.0.0/8\nallow = 10.0.0.1/8\nallow = x\n"
                                  "address = ::1\naddress = a b\naddress = ,\naddress = -\n"
                                  "port = 1\nport = 2\nsource_prefix = 1, 1\n"));
    assert_non_null(strstr(printed, "a.conf:3: [listen a] allow: 10.0.0.1/8 has bits set"));
    assert_non_null(strstr(printed, "a.conf:4: [listen a] allow: \"x\" is not an address"));
    assert_non_null(strstr(printed, "a.conf:6: [listen a] address: separate"));
    assert_non_null(strstr(printed, "a.conf:7: [listen a] address: the list has an empty item"));
    assert_non_null(strstr(printed, "a.conf:8: [listen a] address: \"-\" is neither an address"));
    assert_non_null(strstr(printed, "a.conf:10: [listen a] port: already set in line 9"));
    assert_null(strstr(printed, "a.conf:2:"));
}

static void test_idle_option_warns(void **state)
{
    struct settings *settings = load_as(
        "a.conf", "[listen a]\nmode = 0600\nmax_message = 1\nreply = x\n"
                  "[listen u]\nprotocol = unix\naddress = /x\nport = 5\nreuse_port = yes\n");

    (void)state;
    assert_string_equal(
        printed,
        "warning: a.conf:2: [listen a] mode: has no effect without protocol = unix | unix-dgram | "
        "unix-seqpacket\n"
        "warning: a.conf:4: [listen a] reply: has no effect without service = "
        "message\n"
        "warning: a.conf:3: [listen a] max_message: has no effect without service "
        "= message\n"
        "warning: a.conf:8: [listen u] port: has no effect with protocol = unix\n"
        "warning: a.conf:9: [listen u] reuse_port: has no effect with protocol = unix\n");
    settings_free(settings);
}

static void test_proxies_of_a_unix_socket_need_no_trust(void **state)
{
    struct settings *settings =
        load_as("a.conf", "[listen a]\nprotocol = unix\naddress = /run/a\nproxy_protocol = any\n"
                          "mode = 0660\n"
                          "[listen b]\nprotocol = unix\naddress = /run/b\nproxy_protocol = any\n"
                          "mode = 0660\nproxy_trust = 10.0.0.1\n");

    (void)state;
    assert_non_null(settings);
    assert_string_equal(
        printed,
        "warning: a.conf:11: [listen b] proxy_trust: has no effect with protocol = unix: the "
        "socket's mode controls who may connect\n");
    settings_free(settings);
}

static void test_a_header_that_everybody_can_forge_warns(void **state)
{
    static const struct {
        const char *more;
        bool warns;
    } cases[] = {{"address = /run/a", true},
                 {"address = /run/a\nmode = 0662", true},
                 {"address = /run/a\nmode = 0664", false}, /* to connect takes the right to write */
                 {"address = /run/a\nmode = 0660", false},
                 {"address = /run/a\naddress = @a\nmode = 0600", true}};
    char text[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        snprintf(text, sizeof(text), "[listen a]\nprotocol = unix\nproxy_protocol = v2\n%s\n",
                 cases[i].more);
        struct settings *settings = load_as("a.conf", text);
        assert_non_null(settings);
        assert_int_equal(printed[0] != '\0', cases[i].warns);
        assert_true(
            !cases[i].warns ||
            strstr(printed, "warning: a.conf:3: [listen a] proxy_protocol: every local user"));
        settings_free(settings);
    }
}

static void test_what_concerns_connections_only_warns(void **state)
{
    struct settings *settings =
        load_as("a.conf", "[listen d]\nprotocol = udp\nservice = message\ngreeting = hi\n"
                          "max_messages = 3\nmessage_pause = 1s\ndatagram_rate = 5/s\nmode = 0600\n"
                          "[listen p]\nprotocol = unix-seqpacket\naddress = @p\nservice = message\n"
                          "greeting = hi\nmax_messages = 3\nmessage_pause = 1s\nmode = 0600\n");

    (void)state;
    assert_string_equal(
        printed,
        "warning: a.conf:8: [listen d] mode: has no effect without protocol = unix | unix-dgram | "
        "unix-seqpacket\n"
        "warning: a.conf:4: [listen d] greeting: has no effect with protocol = udp: nobody "
        "connects\n"
        "warning: a.conf:5: [listen d] max_messages: has no effect with protocol = udp: there is "
        "no "
        "connection to close\n"
        "warning: a.conf:6: [listen d] message_pause: has no effect with protocol = udp: a "
        "datagram "
        "is a message\n"
        "warning: a.conf:15: [listen p] message_pause: has no effect with protocol = "
        "unix-seqpacket: a packet is a message\n");
    assert_int_equal(settings->listens[0]->datagram_rate.count, 5);
    settings_free(settings);
}

static void test_good_addresses(void **state)
{
    (void)state;
    settings_free(loads(LISTEN "address = *, 192.0.2.1, [::1], fe80::1%lo, host-1.example"));
    settings_free(loads(LISTEN "protocol = unix\naddress = /run/a, @abstract\nmode = 0600\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values_reach_their_fields),
        cmocka_unit_test(test_listeners_keep_the_order_of_the_file),
        cmocka_unit_test(test_repeated_section_continues),
        cmocka_unit_test(test_drop_ins_override_in_the_order_of_their_names),
        cmocka_unit_test(test_drop_in_with_an_error_is_named),
        cmocka_unit_test(test_repeated_list_is_extended),
        cmocka_unit_test(test_every_list_may_be_set_again),
        cmocka_unit_test(test_a_later_file_replaces_a_list),
        cmocka_unit_test(test_each_line_of_a_list_is_reported),
        cmocka_unit_test(test_idle_option_warns),
        cmocka_unit_test(test_proxies_of_a_unix_socket_need_no_trust),
        cmocka_unit_test(test_a_header_that_everybody_can_forge_warns),
        cmocka_unit_test(test_what_concerns_connections_only_warns),
        cmocka_unit_test(test_good_addresses),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
