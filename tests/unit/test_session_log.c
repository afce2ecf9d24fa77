/*
 * Which ends of a worker are crashes, and their records.
 */
#include "daemon/session/session_log.h"

#include "ipc/channel.h"
#include "ipc/end.h"

#include "unit.h"

#include <signal.h>
#include <sys/syscall.h>

/* A status of wait(2). */
static int exited(int status)
{
    return status << 8;
}

static bool crashed(int status, bool asked)
{
    return session_crashed(&(struct session_end){.status = status, .end_requested = asked});
}

static void test_exits_that_workers_choose_are_no_crashes(void **state)
{
    (void)state;
    assert_false(crashed(exited(END_CLOSED), false));
    assert_false(crashed(exited(END_IO), true));
    assert_true(crashed(exited(0), false));
    assert_true(crashed(exited(1), true)); /* of a sanitizer */
}

static void test_of_signals_only_the_kill_that_was_asked_for_is_none(void **state)
{
    (void)state;
    assert_false(crashed(SIGKILL, true));
    assert_true(crashed(SIGKILL, false));
    assert_true(crashed(SIGSEGV, false));
    assert_true(crashed(SIGSEGV, true));
    assert_true(crashed(SIGTERM, true));
}

/* It exits by itself, but cannot be trusted. */
static void test_call_that_is_not_on_the_list_is_a_crash(void **state)
{
    (void)state;
    assert_true(crashed(exited(END_SANDBOX), false));
    assert_true(crashed(exited(END_SANDBOX), true));
}

static void test_end_with_its_fork_server_is_no_crash(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        struct session_end end = {
            .status = exited(END_STOPPED), .end_requested = asked, .lost = true};
        assert_false(session_crashed(&end));
        end.status = SESSION_STATUS_UNKNOWN;
        assert_false(session_crashed(&end));
        end.status = SIGSEGV;
        assert_true(session_crashed(&end));
        end.status = exited(END_SANDBOX);
        assert_true(session_crashed(&end));
    }
}

static void test_faults(void **state)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE, SIGTRAP, SIGSYS};
    static const int none[] = {SIGKILL, SIGTERM, SIGINT, SIGXCPU};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        assert_true(session_is_fault(faults[i]));
        assert_true(session_is_fault(faults[i] | 0x80)); /* with a core dump */
    }
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        assert_false(session_is_fault(none[i]));
    for (int status = 0; status < 256; status++)
        assert_int_equal(session_is_fault(exited(status)), status == END_SANDBOX);
    assert_false(session_is_fault(SESSION_STATUS_UNKNOWN));
}

/* ---- descriptions ---- */

static void describes(int status, const struct slot *slot, const char *expected)
{
    char clause[160];

    session_describe(clause, sizeof(clause), status, slot);
    assert_string_equal(clause, expected);
}

static void test_descriptions(void **state)
{
    struct slot slot = {.error = 0};

    (void)state;
    describes(exited(END_CLOSED), &slot, "closed by the client");
    describes(SIGSEGV, &slot, "its worker was killed by signal 11 (SIGSEGV)");
    describes(exited(77), &slot, "its worker exited with the unexpected status 77");
    describes(SESSION_STATUS_UNKNOWN, &slot, "ended because its fork server was killed");
    slot.error = ENOSPC;
    char expected[160];
    snprintf(expected, sizeof(expected), "%s: %s", end_meaning(END_NOT_STORED)->clause,
             strerror(ENOSPC));
    describes(exited(END_NOT_STORED), &slot, expected);
    slot.error = ETIMEDOUT;
    describes(exited(END_VANISHED), &slot,
              "closed because its client stopped responding: Connection timed out");
}

/* The call is named; an unknown number, which a worker may write, is printed as it is. */
static void test_call_is_named(void **state)
{
    struct slot slot = {.call = SYS_ptrace, .error = EIO};
    char expected[160];

    (void)state;
    snprintf(expected, sizeof(expected), "%s: ptrace (%d)", end_meaning(END_SANDBOX)->clause,
             (int)SYS_ptrace);
    describes(exited(END_SANDBOX), &slot, expected);
    slot.call = 123456;
    snprintf(expected, sizeof(expected), "%s: call (123456)", end_meaning(END_SANDBOX)->clause);
    describes(exited(END_SANDBOX), &slot, expected);
}

/* ---- the record ---- */

struct fixture {
    int queue[2];
    struct log log;
    struct log_limit flood;
    struct client client;
    struct slot slot;
};

static void fixture_open(struct fixture *f)
{
    *f = (struct fixture){.client = {.job = 1,
                                     .pid = 4711,
                                     .listener = "a",
                                     .standing = CLIENT_ADMITTED,
                                     .service = SERVICE_ECHO},
                          .slot = {.bytes_in = 1}};
    assert_int_equal(address_numeric(&f->client.peer, "192.0.2.1", 7), 0);
    assert_int_equal(channel_open(f->queue), 0);
    f->log = (struct log){.level = LOG_INFO, .channel = f->queue[1]};
}

static void fixture_close(struct fixture *f)
{
    fd_close(&f->queue[0]);
    fd_close(&f->queue[1]);
}

/* Returns the record about END, or "" if there is none. */
static const char *field_of(struct fixture *f, const struct session_end *end, const char *field)
{
    static char buf[RECORD_MAX];
    const struct session_log to = {.log = &f->log, .limit = &f->flood, .normal = true};

    session_log_end(&to, &f->client, &f->slot, end);
    ssize_t n = recv(f->queue[0], buf, sizeof(buf), MSG_DONTWAIT);
    return n > 0 ? record_get(buf, (size_t)n, field) : "";
}

static void test_record_of_a_lost_session(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    const struct session_end end = {.status = exited(END_STOPPED), .lost = true};
    const struct session_end unknown = {.status = SESSION_STATUS_UNKNOWN, .lost = true};
    assert_string_equal(field_of(&f, &end, "ECHOD_REASON"), "lost");
    assert_string_equal(field_of(&f, &end, "ECHOD_EVENT"), "session");
    assert_string_equal(field_of(&f, &end, "PRIORITY"), "4");
    assert_string_equal(field_of(&f, &unknown, "ECHOD_REASON"), "lost");
    assert_non_null(
        strstr(field_of(&f, &unknown, "MESSAGE"), "its fork server was killed; 1 byte"));
    fixture_close(&f);
}

static void test_record_of_a_violation(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    const struct session_end end = {.status = exited(END_SANDBOX)};
    f.slot.call = SYS_ptrace;
    assert_string_equal(field_of(&f, &end, "ECHOD_EVENT"), "crash");
    assert_non_null(strstr(field_of(&f, &end, "MESSAGE"), ": ptrace ("));
    /* Even for a refused client, as this end was not a decision. */
    f.client.standing = CLIENT_REFUSED;
    assert_string_equal(field_of(&f, &end, "ECHOD_EVENT"), "crash");
    const struct session_end refused = {.status = exited(END_REFUSED)};
    assert_string_equal(field_of(&f, &refused, "ECHOD_EVENT"), "");
    fixture_close(&f);
}

static void test_record_of_a_tcp_session(void **state)
{
    struct session_end end = {.status = exited(END_CLOSED),
                              .usec = 1500,
                              .tcp = {.known = 1,
                                      .rtt = 7,
                                      .min_rtt = 6,
                                      .retransmits = 5,
                                      .lost = 4,
                                      .delivery_rate = 3,
                                      .busy = 9,
                                      .rwnd_limited = 8,
                                      .sndbuf_limited = 1}};
    static const struct {
        const char *field, *value;
    } expected[] = {
        {"ECHOD_DURATION_USEC", "1500"},    {"ECHOD_RTT_USEC", "7"},
        {"ECHOD_MIN_RTT_USEC", "6"},        {"ECHOD_RETRANSMITS", "5"},
        {"ECHOD_SEGMENTS_LOST", "4"},       {"ECHOD_DELIVERY_RATE", "3"},
        {"ECHOD_BUSY_USEC", "9"},           {"ECHOD_RWND_LIMITED_USEC", "8"},
        {"ECHOD_SNDBUF_LIMITED_USEC", "1"}, {"ECHOD_LIMITED_BY", "receiver's window"},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        assert_string_equal(field_of(&f, &end, expected[i].field), expected[i].value);
    assert_non_null(strstr(field_of(&f, &end, "MESSAGE"), ", 1.500 ms"));
    end.tcp = (struct tcp_stats){.known = 1}; /* nothing was measured */
    assert_null(field_of(&f, &end, "ECHOD_RTT_USEC"));
    assert_null(field_of(&f, &end, "ECHOD_MIN_RTT_USEC"));
    assert_null(field_of(&f, &end, "ECHOD_DELIVERY_RATE"));
    assert_string_equal(field_of(&f, &end, "ECHOD_RETRANSMITS"), "0");
    assert_string_equal(field_of(&f, &end, "ECHOD_LIMITED_BY"), "application");
    end.tcp = (struct tcp_stats){0};
    for (size_t i = 1; i < ARRAY_SIZE(expected); i++)
        assert_null(field_of(&f, &end, expected[i].field));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exits_that_workers_choose_are_no_crashes),
        cmocka_unit_test(test_of_signals_only_the_kill_that_was_asked_for_is_none),
        cmocka_unit_test(test_call_that_is_not_on_the_list_is_a_crash),
        cmocka_unit_test(test_end_with_its_fork_server_is_no_crash),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_call_is_named),
        cmocka_unit_test(test_record_of_a_lost_session),
        cmocka_unit_test(test_record_of_a_tcp_session),
        cmocka_unit_test(test_record_of_a_violation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
