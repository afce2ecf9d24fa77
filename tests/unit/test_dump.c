/*
 * settings_dump(): loading its output yields the same settings.
 */
#include "config/dump.h"
#include "config/load.h"
#include "config/options.h"
#include "config/sections.h"
#include "config/settings.h"

#include "unit.h"

static struct settings *load(const char *text)
{
    struct problems problems = {0};

    write_file("a.conf", text, strlen(text));
    struct settings *settings = settings_load("a.conf", &problems);
    for (size_t i = 0; i < problems.count; i++)
        if (problems.list[i].fatal)
            print_message("%s\n", problems.list[i].text);
    problems_free(&problems);
    assert_non_null(settings);
    return settings;
}

/* Returns the dump of SETTINGS, which the caller frees. */
static char *dump(const struct settings *settings)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    settings_dump(settings, out);
    fclose(out);
    return text;
}

/* Removes comments and spaces from TEXT, because the spacing of values may change. */
static void normalise(char *text)
{
    char *out = text, *rest = text, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        const char *comment = line[0] == ';' ? line : strstr(line, " ;"), *start = out;
        for (const char *p = line; *p && p != comment; p++)
            if (*p != ' ')
                *out++ = *p;
        if (out > start)
            *out++ = '\n';
    }
    *out = '\0';
}

/* TEXT's dump loads, and the dump of that is the same but for the origins. Returns the settings
 * that the dump made. */
static struct settings *round_trip(const char *text)
{
    struct settings *first = load(text);
    char *once = dump(first);
    struct settings *second = load(once);
    char *twice = dump(second);

    settings_free(first);
    normalise(once);
    normalise(twice);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
    return second;
}

static void test_defaults_survive(void **state)
{
    struct settings *settings = round_trip("[listen a]\n");

    (void)state;
    assert_int_equal(settings->listens[0]->port, 7777);
    settings_free(settings);
}

static void test_every_option_survives(void **state)
{
    struct settings *settings =
        round_trip("[server]\nmax_clients = 17\nmax_per_source = 3\nwhen_full = queue\n"
                   "source_prefix = 24, 56\nsource_rate = 30/min\nreserved = 16\n"
                   "monitor = 192.0.2.0/24, ::1\n"
                   "idle_timeout = 1h 1us\nsession_timeout = 250ms\ndrain_timeout = 0\n"
                   "log_sessions = no\nlog_level = debug\n"
                   "[listen one]\naddress = *, ::1\nport = 1234\nservice = message\ngreeting = hi\n"
                   "reply =\nmax_message = 64K\nmax_messages = 4294967295\nmessage_pause = 1ms\n"
                   "allow = 10.0.0.0/8, 2001:db8::/33\ndeny = 10.1.0.0/16\n"
                   "[listen two]\nprotocol = unix\naddress = /run/x, @y\nmode = 0007\n"
                   "[listen three]\nproxy_protocol = any\nproxy_trust = 127.0.0.1\n");

    (void)state;
    assert_int_equal(settings->server->idle_timeout, UINT64_C(3600000001));
    assert_int_equal(settings->listens[0]->max_messages, UINT32_MAX);
    assert_int_equal(settings->listens[0]->reply.len, 0);
    assert_int_equal(settings->listens[1]->mode, 07);
    assert_int_equal(settings->listens[2]->proxy_protocol, PROXY_ANY);
    settings_free(settings);
}

static void test_awkward_greetings_survive(void **state)
{
    static const struct {
        const char *written, *bytes;
        size_t len;
    } cases[] = {
        {"\\x20 two blanks \\x20", "  two blanks  ", 14},
        {"\\x20", " ", 1},
        {"\\ta\\t", "\ta\t", 3},
        {"a;b; c \\x3b d\\t\\x3b", "a;b; c ; d\t;", 12},
        {"\\x3b first", "; first", 7},
        {"# no comment", "# no comment", 12},
        {"\\\\n is no newline\\n", "\\n is no newline\n", 17},
        {"a\\r\\nb\\x00c\\x1b\\x7f", "a\r\nb\0c\x1b\x7f", 8},
        {"a = b : c", "a = b : c", 9},
        {"[server]", "[server]", 8},
        {"\"quoted\"", "\"quoted\"", 8},
        {"\xc3\xa4\xff\xa0", "\xc3\xa4\xff\xa0", 4},
    };
    char text[300];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        snprintf(text, sizeof(text), "[listen a]\ngreeting = %s\n", cases[i].written);
        struct settings *settings = round_trip(text);
        assert_int_equal(settings->listens[0]->greeting.len, cases[i].len);
        assert_memory_equal(settings->listens[0]->greeting.data, cases[i].bytes, cases[i].len);
        settings_free(settings);
    }
}

static void test_origins_follow_values(void **state)
{
    struct settings *settings = load("[server]\nmax_clients = 5\n[listen a]\n\ngreeting = hi\n");
    char *text = dump(settings);

    (void)state;
    assert_non_null(strstr(text, "max_clients     = 5                        ; a.conf:2\n"));
    assert_non_null(strstr(text, "max_per_source  = 100                      ; default\n"));
    assert_non_null(strstr(text, "greeting        = hi                       ; a.conf:5\n"));
    assert_null(strstr(text, "max_message")); /* omitted, as it has no effect there */
    free(text);
    settings_free(settings);
}

/* The longest lines that a file may have. */
static void test_long_values_stay_within_the_limit_of_inih(void **state)
{
    char text[600];

    (void)state;
    for (int len = 140; len <= 187; len++) {
        snprintf(text, sizeof(text), "[listen a]\ngreeting = %0*d\n", len, 0);
        struct settings *settings = round_trip(text);
        assert_int_equal(settings->listens[0]->greeting.len, len);
        settings_free(settings);
    }
}

/* A line of maximum length stays within the limit in a dump. */
static void test_the_longest_lines_survive(void **state)
{
    char text[300], list[200] = "";

    (void)state;
    snprintf(text, sizeof(text), "[listen a]\ngreeting=%0189d\n", 0);
    settings_free(round_trip(text));
    for (int i = 0; i < 90; i++)
        text_append(list, sizeof(list), i ? ",a" : "a");
    snprintf(text, sizeof(text), "[listen a]\naddress = %s\n", list);
    struct settings *settings = round_trip(text);
    assert_int_equal(settings->listens[0]->addresses.count, 90);
    settings_free(settings);
}

static void test_values_that_grow_survive(void **state)
{
    char text[300], returns[190] = "", list[190] = "";

    (void)state;
    for (int i = 0; i < 90; i++)
        text_append(returns, sizeof(returns), "\\r");
    snprintf(text, sizeof(text), "[listen a]\ngreeting = %s\n", returns);
    settings_free(round_trip(text));
    for (int i = 0; i < 20; i++)
        text_append(list, sizeof(list), i ? ",::7f00:1" : "::7f00:1");
    snprintf(text, sizeof(text), "[listen a]\nallow = %s\n", list);
    settings_free(round_trip(text));
}

/* ---- lines at the limit ---- */

/* What stands for one byte, or a few, of a text: what is longest in a dump, how it is dumped. */
static const char *const text_pieces[] = {"\\t",  "\t",  "\\x20", " ",    "\\x3b", "\t;",
                                          ";",    "\\n", "\\r",   "\\\\", "\\x00", "#",
                                          "\xff", "=",   "x\t;",  "]"};
static const char *const range_pieces[] = {
    "1::2:3:4:5:6:7", "::1",      "1::",       "::",           "0:0:1::1:1:1",
    "1.2.3.4",        "::/0",     "::1.2.3.4", "1:2::3:4:5/0", "::2:3:4:5:6:7",
    "10.0.0.0/8",     "2::3/127", "1::/16",    "1.0.0.0",      "a:b:c:d:e:f:0::",
    "0:1:2:3:4:5:6:7"};

static uint32_t draw(uint32_t *seed, size_t count)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 16) % (uint32_t)count;
}

/* Fills LINE, which begins with its option, up to 198 bytes, the longest line, with PIECES that
 * DELIMITER separates. */
static void fill(char *line, const char *const *pieces, size_t count, const char *delimiter,
                 uint32_t *seed)
{
    size_t begin = strlen(line);

    for (int missed = 0; missed < 50;) {
        const char *piece = pieces[draw(seed, count)];
        const char *between = strlen(line) > begin ? delimiter : "";
        if (strlen(line) + strlen(between) + strlen(piece) > 198)
            missed++;
        else
            text_append(line, 199, "%s%s", between, piece);
    }
}

/* If TEXT can be loaded, its dump yields the same settings. Returns whether it can. */
static bool round_trip_if_good(const char *text)
{
    struct problems problems = {0};

    write_file("a.conf", text, strlen(text));
    struct settings *settings = settings_load("a.conf", &problems);
    problems_free(&problems);
    if (!settings)
        return false;
    settings_free(settings);
    settings_free(round_trip(text));
    return true;
}

static void test_any_line_at_the_limit_survives(void **state)
{
    char line[256], text[300];
    uint32_t seed = 1;
    size_t loaded = 0;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        bool range = i % 2;
        snprintf(line, sizeof(line), range ? "deny=" : "reply=");
        if (range)
            fill(line, range_pieces, ARRAY_SIZE(range_pieces), ",", &seed);
        else
            fill(line, text_pieces, ARRAY_SIZE(text_pieces), "", &seed);
        /* With a newline, and without one as the last line may be. */
        snprintf(text, sizeof(text), "[listen a]\nservice=message\n%s%s", line,
                 i % 4 < 2 ? "\n" : "");
        loaded += round_trip_if_good(text);
    }
    assert_true(loaded > 1000);
}

/* The option allow with NETWORKS networks, PER_LINE in each line. */
static char *long_list(size_t networks, size_t per_line)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    fputs("[listen a]", out);
    for (size_t i = 0; i < networks; i++)
        fprintf(out, "%s 2001:db8:%zx::/48", i % per_line ? "," : "\nallow =", i);
    fputs("\n", out);
    fclose(out);
    return text;
}

static void test_lists_of_any_length_survive(void **state)
{
    static const size_t per_line[] = {1, 3, 7, 9};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(per_line); i++) {
        char *text = long_list(2000, per_line[i]);
        struct settings *settings = round_trip(text);
        const struct cidrs *allow = &settings->listens[0]->allow;
        assert_int_equal(allow->count, 2000);
        assert_int_equal(allow->item[1999].bytes[4] << 8 | allow->item[1999].bytes[5], 1999);
        settings_free(settings);
        free(text);
    }
}

static void test_each_line_of_a_list_has_its_origin(void **state)
{
    struct settings *settings =
        load("[listen a]\nallow = 10.0.0.0/8, 11.0.0.0/8\n\nallow = ::1\ndeny = ::/0\ndeny =\n");
    char *text = dump(settings);

    (void)state;
    assert_non_null(strstr(text, "allow           = 10.0.0.0/8, 11.0.0.0/8   ; a.conf:2\n"
                                 "allow           = ::1                      ; a.conf:4\n"));
    assert_non_null(strstr(text, "deny            =                          ; a.conf:6\n"));
    free(text);
    settings_free(settings);
}

static void test_a_last_line_without_a_newline_has_no_more_room(void **state)
{
    char text[300];
    struct problems problems = {0};

    (void)state;
    snprintf(text, sizeof(text), "[listen a]\ngreeting=%0190d", 0);
    write_file("a.conf", text, strlen(text));
    assert_null(settings_load("a.conf", &problems));
    assert_non_null(strstr(problems.list[0].text, "longer than 198"));
    problems_free(&problems);
}

static void test_the_name_of_a_file_does_not_break_a_line(void **state)
{
    static const char path[] = "a\nmax_clients = 1.conf";
    struct problems problems = {0};

    (void)state;
    write_file(path, "[listen a]\nport = 1\n", 20);
    struct settings *settings = settings_load(path, &problems);
    assert_non_null(settings);
    char *text = dump(settings);
    settings_free(settings);
    settings_free(load(text));
    assert_null(strstr(text, "\nmax_clients = 1.conf"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_survive),
        cmocka_unit_test(test_every_option_survives),
        cmocka_unit_test(test_awkward_greetings_survive),
        cmocka_unit_test(test_origins_follow_values),
        cmocka_unit_test(test_long_values_stay_within_the_limit_of_inih),
        cmocka_unit_test(test_the_longest_lines_survive),
        cmocka_unit_test(test_values_that_grow_survive),
        cmocka_unit_test(test_any_line_at_the_limit_survives),
        cmocka_unit_test(test_lists_of_any_length_survive),
        cmocka_unit_test(test_each_line_of_a_list_has_its_origin),
        cmocka_unit_test(test_a_last_line_without_a_newline_has_no_more_room),
        cmocka_unit_test(test_the_name_of_a_file_does_not_break_a_line),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
