/*
 * worker_run() in a child, but for the service message: see test_worker_message.c; and how a fork
 * server forks it, see test_forkserver.c.
 */
#include "worker/worker.h"

#include "unit.h"
#include "work.h"

#include <linux/filter.h>
#include <netinet/tcp.h>
#include <signal.h>

static void test_echo_until_the_client_closes(void **state)
{
    static void (*const kinds[])(int pair[2]) = {unix_pair, tcp_pair};
    static const struct service_options options = {.listener = "a", .service = SERVICE_ECHO};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct work work = start_over(kinds[i], &options, LONG, LONG);
        client_sends(&work, "hello\n");
        client_sends(&work, "\xff world");
        shutdown(work.client, SHUT_WR);
        ends(&work, "hello\n\xff world", END_CLOSED);
        assert_int_equal(slot->bytes_in, 13);
        assert_int_equal(slot->bytes_out, 13);
        assert_int_equal(slot->tcp.known, kinds[i] == tcp_pair);
    }
}

static void test_client_that_sends_nothing(void **state)
{
    struct work work = start(SERVICE_ECHO);

    (void)state;
    shutdown(work.client, SHUT_WR);
    ends(&work, "", END_CLOSED);
    assert_int_equal(slot->bytes_in, 0);
}

static void test_echo_of_much(void **state)
{
    enum { SIZE = 3000000 };
    static unsigned char sent[SIZE], got[SIZE + 1];
    struct work work = start(SERVICE_ECHO);

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (unsigned char)(i * 7 % 253);
    pid_t writer = fork();
    if (writer == 0) {
        int r = fd_write_all(work.client, sent, SIZE);
        _exit(r < 0 || shutdown(work.client, SHUT_WR) < 0);
    }
    assert_int_equal(read_to_end(work.client, (char *)got, sizeof(got)), SIZE);
    assert_memory_equal(got, sent, SIZE);
    assert_int_equal(child_end(writer), 0);
    ends(&work, "", END_CLOSED);
    assert_int_equal(slot->bytes_in, SIZE);
    assert_int_equal(slot->bytes_out, SIZE);
}

static void test_discard(void **state)
{
    struct work work = start(SERVICE_DISCARD);

    (void)state;
    client_sends(&work, "hello, world");
    shutdown(work.client, SHUT_WR);
    ends(&work, "", END_CLOSED);
    assert_int_equal(slot->bytes_in, 12);
    assert_int_equal(slot->bytes_out, 0);
}

static void test_greeting_comes_first_as_written(void **state)
{
    static char greeting[] = "hi\0\r\n";
    struct service_options options = {
        .listener = "a", .service = SERVICE_ECHO, .greeting = {greeting, sizeof(greeting) - 1}};
    struct work work = start_over(unix_pair, &options, LONG, 0);
    char buf[16];

    (void)state;
    assert_int_equal(recv(work.client, buf, 5, MSG_WAITALL), 5);
    assert_memory_equal(buf, "hi\0\r\n", 5);
    client_sends(&work, "x");
    shutdown(work.client, SHUT_WR);
    ends(&work, "x", END_CLOSED);
    assert_int_equal(slot->bytes_out, 6);
}

static void test_timeouts(void **state)
{
    static const struct service_options options = {.listener = "a", .service = SERVICE_ECHO};
    struct work work = start_over(tcp_pair, &options, FEW, 0);

    (void)state;
    ends(&work, "", END_IDLE);
    work = start_over(tcp_pair, &options, 0, FEW);
    ends(&work, "", END_SESSION);
    work = start_over(tcp_pair, &options, FEW, LONG);
    ends(&work, "", END_IDLE);
}

static void test_reset(void **state)
{
    static const struct service_options options = {.listener = "a", .service = SERVICE_DISCARD};
    struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
    struct work work = start_over(tcp_pair, &options, LONG, 0);

    (void)state;
    setsockopt(work.client, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
    close(work.client);
    assert_int_equal(child_end(work.pid), END_RESET);
}

/* The client's side neither receives nor acknowledges anything from here on, and sends no FIN.
 * The data that it has sent before is there. */
static void tcp_pair_whose_client_vanished(int pair[2])
{
    struct sock_filter drop_all = {.code = BPF_RET | BPF_K, .k = 0};
    const struct sock_fprog filter = {.len = 1, .filter = &drop_all};
    unsigned msec = 100;

    tcp_pair(pair);
    assert_int_equal(fd_write_all(pair[1], "hello", 5), 0);
    setsockopt(pair[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &msec, sizeof(msec));
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), 0);
}

/* Not as idle: the kernel's ETIMEDOUT is none of our time limits. */
static void test_client_that_vanished(void **state)
{
    static const struct {
        enum service service;
        uint64_t idle;
    } cases[] = {{SERVICE_ECHO, 0}, {SERVICE_ECHO, LONG}, {SERVICE_CHARGEN, LONG}};
    struct service_options options = {.listener = "a"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        options.service = cases[i].service;
        struct work work =
            start_over(tcp_pair_whose_client_vanished, &options, cases[i].idle, LONG);
        assert_int_equal(child_end(work.pid), END_VANISHED);
        assert_int_equal(slot->error, ETIMEDOUT);
        fd_close(&work.client);
    }
}

static void test_busy_while_something_is_owed(void **state)
{
    struct work work = start(SERVICE_ECHO);
    char c;

    (void)state;
    client_sends(&work, "x");
    assert_int_equal(read(work.client, &c, 1), 1);
    waits_after(&work, 1);
    assert_int_equal(slot->busy, 0);
    shutdown(work.client, SHUT_WR);
    ends(&work, "", END_CLOSED);
    work = start(SERVICE_CHARGEN);
    assert_int_equal(read(work.client, &c, 1), 1);
    waits_after(&work, 0);
    assert_int_equal(slot->busy, 1);
    fd_close(&work.client);
    child_end(work.pid);
}

static void test_stopped_while_it_waits(void **state)
{
    struct work work = start(SERVICE_ECHO);
    char c;

    (void)state;
    client_sends(&work, "x");
    assert_int_equal(read(work.client, &c, 1), 1); /* it has completed its setup */
    kill(work.pid, SIGTERM);
    ends(&work, "", END_STOPPED);
}

static void test_stopped_before_it_began_answers_what_came(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct work work = start(SERVICE_ECHO);
        client_sends(&work, "asked before");
        kill(work.pid, SIGTERM);
        ends(&work, "asked before", END_STOPPED);
    }
}

static void test_stopped_while_it_sends_answers_what_came(void **state)
{
    enum { SIZE = 4 * 1024 * 1024 };
    static char chunk[1000], got[SIZE];
    struct work work = start(SERVICE_ECHO);
    ssize_t sent = 0, n;

    (void)state;
    /* Until nothing fits any more, in either direction. */
    while (sent < SIZE / 2 && (n = send(work.client, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
        sent += n;
    kill(work.pid, SIGTERM);
    assert_int_equal(read_to_end(work.client, got, sizeof(got)), sent);
    ends(&work, "", END_STOPPED);
    assert_int_equal(slot->bytes_out, sent);
}

static void test_other_signals_do_nothing(void **state)
{
    struct work work = start(SERVICE_ECHO);

    (void)state;
    kill(work.pid, SIGINT);
    kill(work.pid, SIGHUP);
    client_sends(&work, "x");
    shutdown(work.client, SHUT_WR);
    ends(&work, "x", END_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_until_the_client_closes),
        cmocka_unit_test(test_client_that_sends_nothing),
        cmocka_unit_test(test_echo_of_much),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_greeting_comes_first_as_written),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_client_that_vanished),
        cmocka_unit_test(test_busy_while_something_is_owed),
        cmocka_unit_test(test_stopped_while_it_waits),
        cmocka_unit_test(test_stopped_before_it_began_answers_what_came),
        cmocka_unit_test(test_stopped_while_it_sends_answers_what_came),
        cmocka_unit_test(test_other_signals_do_nothing),
    };
    return cmocka_run_group_tests(tests, work_setup, NULL);
}
