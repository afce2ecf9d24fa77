#include "base/clock.h"
#include "base/macros.h"
#include "base/passed_fds.h"
#include "service/stream.h"

#include "trap.h"

#include <signal.h>

#define FEW (10 * USEC_PER_MSEC)
#define LONG (60 * USEC_PER_SEC) /* what a test would hang for */
#define BULK ((size_t)4 * 1024 * 1024)

/* A stream over pair[0]; the test is the client at pair[1]. */
struct talk {
    int pair[2];
    struct slot slot;
    struct stream stream;
};

static void begin(struct talk *talk, void (*make)(int pair[2]), uint64_t idle, uint64_t session)
{
    *talk = (struct talk){.slot = {0}};
    make(talk->pair);
    stream_init(&talk->stream, talk->pair[0], &talk->slot, idle, session);
}

static void finish(struct talk *talk)
{
    fd_close(&talk->pair[0]);
    fd_close(&talk->pair[1]);
}

static void receives(struct talk *talk, const char *expected)
{
    char buf[64];
    ssize_t n = stream_receive(&talk->stream, buf, sizeof(buf), 0);

    assert_int_equal(n, strlen(expected));
    assert_memory_equal(buf, expected, (size_t)n);
}

static ssize_t receive(struct talk *talk, uint64_t pause)
{
    char buf[64];

    return stream_receive(&talk->stream, buf, sizeof(buf), pause);
}

static void client_sends(struct talk *talk, const char *text)
{
    assert_int_equal(fd_write_all(talk->pair[1], text, strlen(text)), 0);
}

static void test_receives_to_the_end(void **state)
{
    static void (*const kinds[])(int pair[2]) = {unix_pair, tcp_pair};
    struct talk talk;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        begin(&talk, kinds[i], LONG, 0);
        client_sends(&talk, "hello");
        receives(&talk, "hello");
        client_sends(&talk, "bye");
        shutdown(talk.pair[1], SHUT_WR);
        receives(&talk, "bye");
        assert_int_equal(receive(&talk, 0), 0);
        assert_int_equal(talk.slot.bytes_in, 8);
        assert_int_equal(talk.slot.bytes_out, 0);
        finish(&talk);
    }
}

/* RFC 862: whatever was received. What was sent before and after comes in calls of its own. */
static void test_receives_urgent_data(void **state)
{
    static void (*const kinds[])(int pair[2]) = {unix_pair, tcp_pair};
    struct talk talk;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        begin(&talk, kinds[i], LONG, 0);
        client_sends(&talk, "ab");
        receives(&talk, "ab");
        if (send(talk.pair[1], "c", 1, MSG_OOB) < 0) {
            assert_int_equal(i, 0); /* Unix sockets know it since Linux 5.15 */
        } else {
            receives(&talk, "c");
            client_sends(&talk, "d");
            receives(&talk, "d");
        }
        finish(&talk);
    }
}

static void test_sends_and_counts(void **state)
{
    char buf[16];
    struct talk talk;

    (void)state;
    begin(&talk, tcp_pair, LONG, 0);
    assert_int_equal(stream_send(&talk.stream, "hello", 5), 0);
    assert_int_equal(recv(talk.pair[1], buf, 5, MSG_WAITALL), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(talk.slot.bytes_out, 5);
    assert_int_equal(talk.slot.bytes_in, 0);
    finish(&talk);
}

static void test_idle_client(void **state)
{
    struct talk talk;
    uint64_t before = clock_now();

    (void)state;
    begin(&talk, tcp_pair, FEW, 0);
    assert_int_equal(receive(&talk, 0), STREAM_IDLE);
    assert_true(clock_now() - before >= FEW);
    client_sends(&talk, "late");
    receives(&talk, "late");
    finish(&talk);
}

static void test_pause(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk, tcp_pair, LONG, 0);
    assert_int_equal(receive(&talk, FEW), -EAGAIN);
    client_sends(&talk, "a");
    assert_int_equal(receive(&talk, FEW), 1);
    finish(&talk);
    begin(&talk, tcp_pair, 0, 0);
    assert_int_equal(receive(&talk, FEW), -EAGAIN);
    finish(&talk);
    /* A pause that is longer than a client may be silent at all never comes to an end. */
    begin(&talk, tcp_pair, FEW, 0);
    assert_int_equal(receive(&talk, LONG), STREAM_IDLE);
    assert_int_equal(receive(&talk, 1), -EAGAIN);
    finish(&talk);
}

/* What the daemon is shown, who ends those first that are owed nothing. */
static void test_busy_unless_it_waits_with_nothing_unfinished(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk, tcp_pair, LONG, 0);
    assert_int_equal(talk.slot.busy, 1);
    assert_int_equal(receive(&talk, 1), -EAGAIN);
    assert_int_equal(talk.slot.busy, 0);
    client_sends(&talk, "a");
    receives(&talk, "a");
    assert_int_equal(talk.slot.busy, 1);
    assert_int_equal(stream_send(&talk.stream, "b", 1), 0);
    assert_int_equal(talk.slot.busy, 1);
    talk.stream.unfinished = true;
    assert_int_equal(receive(&talk, 1), -EAGAIN);
    assert_int_equal(talk.slot.busy, 1);
    talk.stream.unfinished = false;
    assert_int_equal(receive(&talk, 1), -EAGAIN);
    assert_int_equal(talk.slot.busy, 0);
    finish(&talk);
}

static void test_end_of_the_session(void **state)
{
    struct talk talk;

    (void)state;
    for (int round = 0; round < 20; round++) {
        uint64_t before = clock_now();
        begin(&talk, unix_pair, 0, USEC_PER_MSEC * (uint64_t)(1 + round % 7));
        assert_int_equal(receive(&talk, 0), -ETIME);
        assert_true(clock_now() - before >= USEC_PER_MSEC * (uint64_t)(1 + round % 7));
        finish(&talk);
    }
    begin(&talk, unix_pair, LONG, FEW);
    assert_int_equal(receive(&talk, LONG), -ETIME);
    /* Nor does a client that is busy get more. */
    client_sends(&talk, "more");
    assert_int_equal(receive(&talk, 0), -ETIME);
    assert_int_equal(stream_send(&talk.stream, "x", 1), -ETIME);
    assert_int_equal(talk.slot.bytes_in, 0);
    finish(&talk);
    /* An idle timeout within it is reported as such. */
    begin(&talk, unix_pair, FEW, LONG);
    assert_int_equal(receive(&talk, 0), STREAM_IDLE);
    finish(&talk);
}

static void test_client_that_does_not_read(void **state)
{
    static const struct {
        uint64_t idle, session;
        int error;
    } cases[] = {
        {FEW, 0, STREAM_IDLE}, {FEW, LONG, STREAM_IDLE}, {0, FEW, -ETIME}, {LONG, FEW, -ETIME}};
    static char data[BULK];
    struct talk talk;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        begin(&talk, unix_pair, cases[i].idle, cases[i].session);
        assert_int_equal(stream_send(&talk.stream, data, BULK), cases[i].error);
        assert_true(talk.slot.bytes_out < BULK);
        finish(&talk);
    }
}

static void on_signal(int number)
{
    (void)number;
}

static void let_signals_interrupt(void)
{
    /* Without SA_RESTART: a call is cut short, a send returns with a part. */
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGUSR1, &action, NULL);
}

/* Ends with 0 if FD gives BULK bytes that count up, and no more. */
static NORETURN void slow_client(int fd)
{
    unsigned char buf[1000];
    size_t total = 0;
    ssize_t n;

    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
        kill(getppid(), SIGUSR1);
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != total++ % 251)
                _exit(1);
    }
    _exit(n == 0 && total == BULK ? 0 : 2);
}

/* The socket takes a little at a time: the send has to wait, and to go on, often. */
static void sends_bulk(void (*make)(int pair[2]), const unsigned char *data)
{
    struct talk talk;
    int little = 32 * 1024;

    begin(&talk, make, LONG, LONG);
    setsockopt(talk.pair[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
    pid_t pid = fork();
    if (pid == 0) {
        close(talk.pair[0]);
        slow_client(talk.pair[1]);
    }
    fd_close(&talk.pair[1]);
    assert_int_equal(stream_send(&talk.stream, data, BULK), 0);
    assert_int_equal(talk.slot.bytes_out, BULK);
    finish(&talk);
    assert_int_equal(child_end(pid), 0);
}

static void test_bulk_to_a_slow_client(void **state)
{
    static unsigned char data[BULK];

    (void)state;
    for (size_t i = 0; i < BULK; i++)
        data[i] = (unsigned char)(i % 251);
    let_signals_interrupt();
    sends_bulk(unix_pair, data);
    sends_bulk(tcp_pair, data);
}

static void test_client_that_is_gone(void **state)
{
    struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
    struct talk talk;

    (void)state;
    begin(&talk, unix_pair, LONG, 0);
    fd_close(&talk.pair[1]);
    assert_int_equal(stream_send(&talk.stream, "x", 1), -EPIPE);
    assert_int_equal(talk.slot.bytes_out, 0);
    finish(&talk);
    begin(&talk, tcp_pair, LONG, 0);
    setsockopt(talk.pair[1], SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
    fd_close(&talk.pair[1]);
    assert_int_equal(receive(&talk, 0), -ECONNRESET);
    finish(&talk);
}

static void test_signals_interrupt_nothing(void **state)
{
    struct talk talk;

    (void)state;
    let_signals_interrupt();
    begin(&talk, unix_pair, LONG, 0);
    pid_t test = getpid(), pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 100; i++)
            kill(test, SIGUSR1);
        _exit(send(talk.pair[1], "x", 1, 0) == 1 ? 0 : 1);
    }
    assert_int_equal(receive(&talk, 0), 1);
    finish(&talk);
    assert_int_equal(child_end(pid), 0);
}

/* A close(2) with bytes unread would reset the connection, and lose what was sent last. */
static void test_linger_lets_the_final_bytes_arrive(void **state)
{
    static char data[100000];
    char buf[16];
    struct talk talk;

    (void)state;
    begin(&talk, tcp_pair, LONG, 0);
    assert_int_equal(fd_write_all(talk.pair[1], data, sizeof(data)), 0);
    shutdown(talk.pair[1], SHUT_WR);
    assert_int_equal(stream_send(&talk.stream, "last", 4), 0);
    stream_linger(&talk.stream);
    fd_close(&talk.pair[0]);
    assert_int_equal(read_to_end(talk.pair[1], buf, sizeof(buf)), 4);
    assert_string_equal(buf, "last");
    finish(&talk);
}

/* The limits hold where the kernel lets a client pass what makes a receive wait. */
static void test_passed_descriptors_do_not_suspend_the_limits(void **state)
{
    uint64_t before = clock_now();
    struct talk talk;

    (void)state;
    begin(&talk, unix_pair, FEW, 0);
    trap_permit(talk.pair[0]);
    talk.stream.guarded = true;
    struct trap trap = trap_make();
    assert_int_equal(trap_pass(&trap, talk.pair[1], "x"), 1);
    receives(&talk, "x");
    assert_int_equal(receive(&talk, 0), STREAM_IDLE);
    assert_true(clock_now() - before < LONG);
    trap_remove(&trap);
    finish(&talk);
}

static void test_which_streams_take_descriptors(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk, tcp_pair, LONG, 0);
    assert_false(talk.stream.guarded);
    finish(&talk);
    begin(&talk, unix_pair, LONG, 0);
    assert_int_equal(talk.stream.guarded, !passed_fds_refuse(talk.pair[0]));
    finish(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_receives_to_the_end),
        cmocka_unit_test(test_receives_urgent_data),
        cmocka_unit_test(test_sends_and_counts),
        cmocka_unit_test(test_idle_client),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_busy_unless_it_waits_with_nothing_unfinished),
        cmocka_unit_test(test_end_of_the_session),
        cmocka_unit_test(test_client_that_does_not_read),
        cmocka_unit_test(test_bulk_to_a_slow_client),
        cmocka_unit_test(test_client_that_is_gone),
        cmocka_unit_test(test_signals_interrupt_nothing),
        cmocka_unit_test(test_linger_lets_the_final_bytes_arrive),
        cmocka_unit_test(test_passed_descriptors_do_not_suspend_the_limits),
        cmocka_unit_test(test_which_streams_take_descriptors),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
