/*
 * A worker behind a proxy: it reads the header and sends its request to the test, in place of the
 * daemon.
 */
#include "unit.h"
#include "work.h"

#include <poll.h>

#define HEADER "PROXY TCP4 198.51.100.7 203.0.113.1 1234 80\r\n"
#define SOON (20 * USEC_PER_SEC)

static const struct service_options echo = {
    .listener = "a", .service = SERVICE_ECHO, .proxy = PROXY_ANY};

/* Waits for a request of the worker. */
static void is_asked(void)
{
    struct pollfd bell = {.fd = doorbell, .events = POLLIN};

    assert_int_equal(poll(&bell, 1, SOON / USEC_PER_MSEC), 1);
    doorbell_silence(doorbell);
    assert_int_equal(slot->state, SLOT_ASKING);
}

/* Returns the address in the request; "" is the proxy itself. */
static void is_about(const char *expected)
{
    char text[ADDRESS_TEXT_MAX] = "";

    if (slot->client.len > 0)
        address_format(&slot->client, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void answer(enum slot_answer answer)
{
    snprintf(slot->refusal, sizeof(slot->refusal), "go away\n");
    slot_answer(slot, answer);
}

static struct work start_proxied(const struct service_options *options)
{
    doorbell_silence(doorbell); /* the request was repeated meanwhile */
    return start_over(unix_pair, options, LONG, LONG);
}

static void test_admitted(void **state)
{
    struct work work = start_proxied(&echo);

    (void)state;
    client_sends(&work, HEADER "glued");
    is_asked();
    is_about("198.51.100.7:1234");
    answer(SLOT_ADMITTED);
    shutdown(work.client, SHUT_WR);
    ends(&work, "glued", END_CLOSED);
    assert_int_equal(slot->bytes_in, 5);
}

static void test_refused(void **state)
{
    struct work work = start_proxied(&echo);

    (void)state;
    client_sends(&work, HEADER);
    is_asked();
    answer(SLOT_REFUSED);
    ends(&work, "go away\n", END_REFUSED);
}

static void test_proxy_for_itself(void **state)
{
    struct work work = start_proxied(&echo);

    (void)state;
    client_sends(&work, "PROXY UNKNOWN\r\n");
    is_asked();
    is_about("");
    answer(SLOT_ADMITTED);
    shutdown(work.client, SHUT_WR);
    ends(&work, "", END_CLOSED);
}

static void test_question_that_is_lost_is_asked_again(void **state)
{
    struct work work = start_proxied(&echo);

    (void)state;
    client_sends(&work, HEADER);
    for (int i = 0; i < 3; i++)
        is_asked();
    slot->answer = SLOT_ADMITTED; /* the worker finds the answer without being woken */
    shutdown(work.client, SHUT_WR);
    ends(&work, "", END_CLOSED);
}

static void test_nothing_is_sent_without_an_answer(void **state)
{
    static char hello[] = "hello";
    const struct service_options greeting = {
        .listener = "a", .service = SERVICE_DAYTIME, .greeting = {hello, 5}, .proxy = PROXY_V1};
    struct work work = start_proxied(&greeting);
    char c;

    (void)state;
    client_sends(&work, HEADER);
    is_asked();
    assert_int_equal(recv(work.client, &c, 1, MSG_DONTWAIT), -1);
    kill(work.pid, SIGTERM);
    ends(&work, "", END_STOPPED);
}

static void test_stopped_before_the_header(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct work work = start_proxied(&echo);
        client_sends(&work, round ? "PROXY" : "");
        kill(work.pid, SIGTERM);
        ends(&work, "", END_STOPPED);
    }
}

static void test_no_header(void **state)
{
    uint64_t before = clock_now();
    struct work work = start_proxied(&echo);

    (void)state;
    ends(&work, "", END_PROXY);
    assert_int_equal(slot->error, ETIME);
    assert_in_range(clock_now() - before, 3 * USEC_PER_SEC, SOON);
    work = start_proxied(&echo);
    client_sends(&work, "hello\n");
    ends(&work, "", END_PROXY);
    assert_int_equal(slot->error, EPROTO);
}

static void test_closed_without_a_header(void **state)
{
    struct work work = start_proxied(&echo);

    (void)state;
    shutdown(work.client, SHUT_WR);
    ends(&work, "", END_CLOSED);
}

static void test_whoami_shows_both(void **state)
{
    const struct service_options whoami = {
        .listener = "a", .service = SERVICE_WHOAMI, .proxy = PROXY_V1};
    struct work work = start_proxied(&whoami);
    char buf[2048];

    (void)state;
    client_sends(&work, HEADER);
    is_asked();
    answer(SLOT_ADMITTED);
    assert_true(read_to_end(work.client, buf, sizeof(buf)) > 0);
    assert_non_null(strstr(buf, "\"peer\": \"198.51.100.7\", \"peer_port\": 1234,"));
    assert_non_null(strstr(buf, "\"proxy\": \"192.0.2.1\", \"proxy_port\": 4242, "
                                "\"destination\": \"203.0.113.1\", \"destination_port\": 80, "));
    fd_close(&work.client);
    assert_int_equal(child_end(work.pid), END_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admitted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_proxy_for_itself),
        cmocka_unit_test(test_question_that_is_lost_is_asked_again),
        cmocka_unit_test(test_nothing_is_sent_without_an_answer),
        cmocka_unit_test(test_stopped_before_the_header),
        cmocka_unit_test(test_no_header),
        cmocka_unit_test(test_closed_without_a_header),
        cmocka_unit_test(test_whoami_shows_both),
    };
    return cmocka_run_group_tests(tests, work_setup, NULL);
}
