/*
 * Errors that the network reports about datagrams, by the error queue of real sockets; and their
 * text.
 */
#include "client/connect/error_queue.h"
#include "client/connect/stamp.h"
#include "client/verbs/sweep_outcome.h"

#include "unit.h"

#include <netinet/in.h>

/* A socket that is connected to an unused port of loopback. */
static int connected_to_nobody(int family)
{
    struct address nobody = {0};
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int unused = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(address_numeric(&nobody, family == AF_INET ? "127.0.0.1" : "::1", 0), 0);
    if (bind(unused, &nobody.sa, nobody.len) < 0) { /* no IPv6 here */
        fd_close(&fd);
    } else {
        assert_int_equal(address_local(&nobody, unused), 0);
        assert_int_equal(connect(fd, &nobody.sa, nobody.len), 0);
    }
    fd_close(&unused);
    return fd;
}

/* Each error is reported at once, and the next send returns and clears it. */
static void send_two(int fd)
{
    assert_int_equal(send(fd, "x", 1, 0), 1);
    assert_int_equal(send(fd, "x", 1, 0), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(send(fd, "x", 1, 0), 1);
}

static void check_refused(const struct queued_error *e, const char *from)
{
    char text[ADDRESS_TEXT_MAX];

    assert_int_equal(e->error, ECONNREFUSED);
    assert_true(e->icmp);
    assert_false(e->expired);
    assert_int_equal(e->mtu, 0);
    assert_string_equal(address_host(&e->from, text, sizeof(text)), from);
}

static void test_refused(void **state)
{
    static const int families[] = {AF_INET, AF_INET6};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct queued_error e = {0};
        struct departure departure;
        int fd = connected_to_nobody(families[i]);
        if (fd < 0)
            continue;
        error_queue_enable(fd);
        assert_false(error_queue_drain(fd, &e));
        send_two(fd);
        assert_true(error_queue_drain(fd, &e)); /* both */
        check_refused(&e, i == 0 ? "127.0.0.1" : "::1");
        assert_int_equal(error_queue_take(fd, &e, &departure), QUEUED_NOTHING);
        fd_close(&fd);
    }
}

/* Without error_queue_enable() no errors are queued; a departure is not an error. */
static void test_departures_are_no_errors(void **state)
{
    struct queued_error e = {0};
    struct departure departure = {0};
    int fd = connected_to_nobody(AF_INET);

    (void)state;
    stamp_enable_departures(fd);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    assert_int_equal(error_queue_take(fd, &e, &departure), QUEUED_DEPARTURE);
    assert_int_equal(departure.number, 0);
    assert_true(departure.time > 0);
    assert_int_equal(send(fd, "x", 1, 0), -1);
    error_queue_enable(fd);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    assert_true(error_queue_drain(fd, &e));
    check_refused(&e, "127.0.0.1");
    fd_close(&fd);
}

static void test_network_is_preferred(void **state)
{
    const struct queued_error local = {.error = EMSGSIZE}, network = {.icmp = true};

    (void)state;
    assert_true(error_queue_prefers(&network, &local));
    assert_true(error_queue_prefers(&network, &network));
    assert_true(error_queue_prefers(&local, &local));
    assert_false(error_queue_prefers(&local, &network));
}

static struct queued_error reported(int error, uint32_t mtu)
{
    struct queued_error e = {.error = error, .icmp = true, .mtu = mtu};

    assert_int_equal(address_numeric(&e.from, "192.0.2.1", 0), 0);
    return e;
}

static void test_descriptions(void **state)
{
    struct queued_error unreachable = reported(EHOSTUNREACH, 0), large = reported(EMSGSIZE, 1400);
    struct queued_error expired = unreachable, local = {.error = EMSGSIZE, .mtu = 1500};
    char text[QUEUED_ERROR_TEXT_MAX];

    (void)state;
    expired.expired = true;
    assert_string_equal(error_queue_describe(&unreachable, text),
                        "No route to host, reported by 192.0.2.1");
    assert_string_equal(error_queue_describe(&large, text),
                        "Message too long, reported by 192.0.2.1 (MTU 1400)");
    assert_string_equal(error_queue_describe(&expired, text),
                        "Time to live exceeded, reported by 192.0.2.1");
    assert_string_equal(error_queue_describe(&local, text), "Message too long (MTU 1500)");
}

static void test_outcomes_of_a_sweep(void **state)
{
    const struct queued_error large = reported(EMSGSIZE, 1400), refused = reported(ECONNREFUSED, 0);
    const struct queued_error unreachable = reported(EHOSTUNREACH, 0), none = {0};
    char text[SWEEP_OUTCOME_TEXT_MAX];

    (void)state;
    assert_string_equal(sweep_outcome_text(TOO_LARGE, &large, text),
                        "too large for the path: 192.0.2.1 reports an MTU of 1400");
    assert_string_equal(sweep_outcome_text(REFUSED, &refused, text),
                        "it is refused, as 192.0.2.1 reports (is the server running?)");
    assert_string_equal(sweep_outcome_text(BROKEN, &unreachable, text),
                        "No route to host, reported by 192.0.2.1");
    assert_string_equal(sweep_outcome_text(CORRUPTED, &large, text), "it comes back corrupted");
    for (enum sweep_outcome outcome = PASSES; outcome <= STOPPED; outcome++) {
        assert_true(strlen(sweep_outcome_text(outcome, &none, text)) > 0);
        assert_true(strlen(sweep_outcome_name(outcome)) > 0);
        assert_false(sweep_outcome_is_reported(outcome, &none));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_departures_are_no_errors),
        cmocka_unit_test(test_network_is_preferred),
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_outcomes_of_a_sweep),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
