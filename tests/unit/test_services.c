/*
 * The services that send without being asked: daytime, chargen, whoami.
 */
#include "unit.h"
#include "work.h"

#include <time.h>

#define LINE 74 /* 72 characters, CR LF */
#define ROUND (95 * LINE)

static char hello[] = "hello\n";
static void (*const kinds[])(int pair[2]) = {unix_pair, tcp_pair};

static struct service_options settings(enum service service)
{
    return (struct service_options){
        .listener = "a", .service = service, .greeting = {hello, strlen(hello)}};
}

/* The worker sends its answer and closes before the client does. */
static void read_reply(struct work *work, char *buf, size_t size)
{
    assert_true(read_to_end(work->client, buf, size) > 0);
    assert_memory_equal(buf, hello, strlen(hello));
    assert_int_equal(slot->bytes_out, strlen(buf));
    memmove(buf, buf + strlen(hello), strlen(buf + strlen(hello)) + 1);
    fd_close(&work->client);
    assert_int_equal(child_end(work->pid), END_DONE);
}

/* ---- daytime ---- */

static void test_daytime_is_a_line_in_utc(void **state)
{
    const struct service_options options = settings(SERVICE_DAYTIME);
    char buf[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct tm tm = {0};
        time_t before = time(NULL);
        struct work work = start_over(kinds[i], &options, LONG, LONG);
        read_reply(&work, buf, sizeof(buf));
        const char *end = strptime(buf, "%Y-%m-%dT%H:%M:%S", &tm);
        assert_non_null(end);
        assert_string_equal(end, "Z\r\n");
        assert_in_range(timegm(&tm), before, time(NULL));
    }
}

/* Closing with unread bytes would reset the connection, and the line could be lost. */
static void test_daytime_reaches_a_client_that_sends(void **state)
{
    const struct service_options options = settings(SERVICE_DAYTIME);
    char buf[128];

    (void)state;
    struct work work = start_over(tcp_pair, &options, LONG, LONG);
    client_sends(&work, "what time is it?\n");
    read_reply(&work, buf, sizeof(buf));
    assert_int_equal(strlen(buf), strlen("2026-01-02T03:04:05Z\r\n"));
}

/* ---- chargen ---- */

static struct work start_chargen(void (*make)(int pair[2]), uint64_t idle, uint64_t session)
{
    static struct service_options options;

    options = settings(SERVICE_CHARGEN);
    options.greeting.len = 0;
    return start_over(make, &options, idle, session);
}

/* Reads COUNT bytes in pieces of odd sizes. */
static void reads(const struct work *work, char *buf, size_t count)
{
    for (size_t used = 0; used < count;) {
        size_t piece = used % 997 + 1;
        ssize_t n = read(work->client, buf + used, piece < count - used ? piece : count - used);
        assert_true(n > 0);
        used += (size_t)n;
    }
}

static char pattern_at(size_t offset)
{
    size_t line = offset / LINE, column = offset % LINE;

    if (column >= 72)
        return column == 72 ? '\r' : '\n';
    return (char)(' ' + (line + column) % 95);
}

static void test_chargen_rotates(void **state)
{
    enum { SIZE = 3 * ROUND + 17 };
    static char got[SIZE];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct work work = start_chargen(kinds[i], LONG, LONG);
        reads(&work, got, SIZE);
        for (size_t at = 0; at < SIZE; at++)
            assert_int_equal(got[at], pattern_at(at));
        shutdown(work.client, SHUT_WR);
        assert_int_equal(child_end(work.pid), END_CLOSED);
        fd_close(&work.client);
    }
}

static void test_chargen_first_line(void **state)
{
    char got[LINE + 1] = "";
    struct work work = start_chargen(unix_pair, LONG, 0);

    (void)state;
    reads(&work, got, LINE);
    assert_string_equal(got, " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "[\\]^_`abcdefg\r\n");
    fd_close(&work.client);
    child_end(work.pid);
}

/* It receives more than all buffers hold, although the client does not read. */
static void test_chargen_takes_what_a_client_sends_that_does_not_read(void **state)
{
    enum { SIZE = 16 * 1024 * 1024 };
    static char much[SIZE], got[ROUND];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct work work = start_chargen(kinds[i], LONG, LONG);
        assert_int_equal(fd_write_all(work.client, much, SIZE), 0);
        reads(&work, got, ROUND);
        shutdown(work.client, SHUT_WR);
        assert_int_equal(child_end(work.pid), END_CLOSED);
        assert_int_equal(slot->bytes_in, SIZE);
        fd_close(&work.client);
    }
}

/* A client that does not read is idle even if it keeps sending. */
static void test_chargen_timeouts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct work work = start_chargen(kinds[i], FEW, LONG);
        while (send(work.client, "x", 1, MSG_NOSIGNAL) == 1)
            continue;
        assert_int_equal(child_end(work.pid), END_IDLE);
        fd_close(&work.client);
        work = start_chargen(kinds[i], LONG, 20 * FEW);
        char buf[4096];
        while (read(work.client, buf, sizeof(buf)) > 0)
            continue;
        assert_int_equal(child_end(work.pid), END_SESSION);
        fd_close(&work.client);
        work = start_chargen(kinds[i], 0, FEW);
        assert_int_equal(child_end(work.pid), END_SESSION);
        fd_close(&work.client);
    }
}

static void test_chargen_stops_while_its_client_does_not_read(void **state)
{
    char c;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct work work = start_chargen(kinds[i], 0, 0);
        assert_int_equal(read(work.client, &c, 1), 1); /* it has completed its setup */
        kill(work.pid, SIGTERM);
        assert_int_equal(child_end(work.pid), END_STOPPED);
        fd_close(&work.client);
    }
}

static void test_chargen_reset(void **state)
{
    struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
    struct work work = start_chargen(tcp_pair, LONG, 0);

    (void)state;
    setsockopt(work.client, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
    fd_close(&work.client);
    assert_int_equal(child_end(work.pid), END_RESET);
}

/* ---- whoami ---- */

static void has(const char *text, const char *format, ...) PRINTF_LIKE(2, 3);

static void has(const char *text, const char *format, ...)
{
    char part[256];
    va_list args;

    va_start(args, format);
    vsnprintf(part, sizeof(part), format, args);
    va_end(args);
    if (!strstr(text, part))
        fail_msg("%s is not in %s", part, text);
}

static void test_whoami_over_tcp(void **state)
{
    const struct service_options options = settings(SERVICE_WHOAMI);
    char buf[2048];

    (void)state;
    struct work work = start_over(tcp_pair, &options, LONG, LONG);
    struct address local;
    assert_int_equal(address_peer(&local, work.client), 0);
    pid_t pid = work.pid;
    read_reply(&work, buf, sizeof(buf));
    assert_int_equal(buf[0], '{');
    assert_string_equal(strchr(buf, '}'), "}\n");
    has(buf,
        "\"listener\": \"a\", \"pid\": %d, \"family\": \"ipv4\", \"peer\": \"192.0.2.1\", "
        "\"peer_port\": 4242, \"local\": \"127.0.0.1\", \"local_port\": %u, \"proxy\"",
        (int)pid, (unsigned)address_port(&local));
    has(buf, "\"proxy\": null, \"proxy_port\": null, \"destination\": null, ");
    assert_null(strstr(buf, "\"mss\": null"));
    assert_null(strstr(buf, "\"agreed\": null"));
    has(buf, "\"syn\": null, \"syn_missing\": \"the kernel did not save it");
}

static void test_whoami_over_a_unix_socket(void **state)
{
    const struct service_options options = settings(SERVICE_WHOAMI);
    char buf[2048];

    (void)state;
    struct work work = start_over(unix_pair, &options, LONG, LONG);
    read_reply(&work, buf, sizeof(buf));
    has(buf, "\"family\": \"unix\"");
    has(buf, "\"local\": \"unix\", \"local_port\": null, ");
    has(buf, "\"mss\": null, \"rtt_us\": null, \"rttvar_us\": null, \"min_rtt_us\": null, "
             "\"retransmits\": null, \"lost\": null, \"delivery_rate\": null, \"busy_us\": null, "
             "\"rwnd_limited_us\": null, \"sndbuf_limited_us\": null, \"limited_by\": null, "
             "\"sent_mss\": null, \"agreed\": null, \"syn\": null, "
             "\"syn_missing\": \"not a TCP connection\", \"syn_ttl\": null, ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_daytime_is_a_line_in_utc),
        cmocka_unit_test(test_daytime_reaches_a_client_that_sends),
        cmocka_unit_test(test_chargen_rotates),
        cmocka_unit_test(test_chargen_first_line),
        cmocka_unit_test(test_chargen_takes_what_a_client_sends_that_does_not_read),
        cmocka_unit_test(test_chargen_timeouts),
        cmocka_unit_test(test_chargen_stops_while_its_client_does_not_read),
        cmocka_unit_test(test_chargen_reset),
        cmocka_unit_test(test_whoami_over_tcp),
        cmocka_unit_test(test_whoami_over_a_unix_socket),
    };
    return cmocka_run_group_tests(tests, work_setup, NULL);
}
