#include "base/clock.h"
#include "base/macros.h"
#include "client/probe/probe_stream.h"

#include "unit.h"

#define SIZE 56

/* A probe stream over a socket pair, whose other end the test holds, and its replies. */
struct fixture {
    int server;
    struct probe_window window;
    struct probe_stream stream;
    struct reply taken[16];
    size_t count;
};

static void take(void *context, const struct reply *reply)
{
    struct fixture *f = context;

    assert_true(f->count < ARRAY_SIZE(f->taken));
    f->taken[f->count++] = *reply;
}

static void ignore(void *context, const struct reply *reply)
{
    (void)context;
    (void)reply;
}

static void start(struct fixture *f, int type)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    *f = (struct fixture){.server = pair[0]};
    probe_window_init(&f->window, 8);
    f->stream = (struct probe_stream){
        .fd = pair[1],
        .type = type,
        .run = probe_run(),
        .window = &f->window,
        .take = take,
        .context = f,
    };
}

static void end(struct fixture *f)
{
    probe_stream_free(&f->stream);
    probe_window_free(&f->window);
    close(f->server);
    close(f->stream.fd);
}

/* Sends COUNT probes. BUF gets what the server has received. */
static void send_probes(struct fixture *f, size_t count, uint8_t *buf)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(probe_stream_send(&f->stream, SIZE), 0);
        assert_int_equal(recv(f->server, buf + i * SIZE, SIZE, 0), SIZE);
    }
}

/* The server sends LEN bytes at DATA; receives them. */
static void answer(struct fixture *f, const void *data, size_t len)
{
    assert_int_equal(send(f->server, data, len, 0), len);
    assert_int_equal(probe_stream_receive(&f->stream), 0);
}

static void took(const struct fixture *f, size_t i, enum verdict verdict, uint32_t seq)
{
    assert_true(i < f->count);
    assert_int_equal(f->taken[i].verdict, verdict);
    assert_int_equal(f->taken[i].seq, seq);
}

static void test_intact_byte_by_byte(void **state)
{
    struct fixture f;
    uint8_t buf[2 * SIZE];

    (void)state;
    start(&f, SOCK_STREAM);
    send_probes(&f, 2, buf);
    for (size_t i = 0; i < sizeof(buf); i++)
        answer(&f, buf + i, 1);
    assert_int_equal(f.count, 2);
    took(&f, 0, REPLY_INTACT, 1);
    took(&f, 1, REPLY_INTACT, 2);
    end(&f);
}

static void test_truncated_in_the_middle_of_a_stream(void **state)
{
    struct fixture f;
    uint8_t buf[2 * SIZE];

    (void)state;
    start(&f, SOCK_STREAM);
    send_probes(&f, 2, buf);
    answer(&f, buf, 30);
    assert_int_equal(f.count, 0);
    answer(&f, buf + SIZE, SIZE);
    took(&f, 0, REPLY_TRUNCATED, 1);
    assert_int_equal(f.taken[0].len, 30);
    took(&f, 1, REPLY_INTACT, 2);
    end(&f);
}

static void test_truncated_at_the_end_of_a_stream(void **state)
{
    struct fixture f;
    uint8_t buf[SIZE];

    (void)state;
    start(&f, SOCK_STREAM);
    send_probes(&f, 1, buf);
    answer(&f, buf, SIZE - 1);
    assert_int_equal(f.count, 0);
    probe_stream_conclude(&f.stream);
    took(&f, 0, REPLY_TRUNCATED, 1);
    assert_null(probe_window_oldest(&f.window));
    end(&f);
}

static void test_corrupted(void **state)
{
    struct fixture f;
    uint8_t buf[3 * SIZE], longer[SIZE + 1];

    (void)state;
    start(&f, SOCK_DGRAM);
    send_probes(&f, 3, buf);
    buf[40] ^= 1;
    buf[SIZE] ^= 0x80; /* an unknown sequence number */
    answer(&f, buf, SIZE);
    took(&f, 0, REPLY_CORRUPTED, 1);
    assert_int_equal(f.taken[0].at, 40);
    assert_int_equal(f.taken[0].got, buf[40]);
    assert_int_equal(f.taken[0].expected, buf[40] ^ 1);
    answer(&f, buf + SIZE, SIZE);
    took(&f, 1, REPLY_CORRUPTED, 2);
    assert_int_equal(f.taken[1].at, 0);
    memcpy(longer, buf + 2 * SIZE, SIZE);
    longer[SIZE] = 'x';
    answer(&f, longer, sizeof(longer));
    took(&f, 2, REPLY_CORRUPTED, 3);
    assert_int_equal(f.taken[2].expected, -1);
    end(&f);
}

static void test_duplicate_reordered_late(void **state)
{
    struct fixture f;
    uint8_t buf[3 * SIZE];

    (void)state;
    start(&f, SOCK_DGRAM);
    send_probes(&f, 3, buf);
    probe_window_oldest(&f.window)->fate = FATE_OVERDUE;
    answer(&f, buf + 2 * SIZE, SIZE);
    answer(&f, buf + 1 * SIZE, SIZE);
    answer(&f, buf + 1 * SIZE, SIZE);
    answer(&f, buf, SIZE);
    took(&f, 0, REPLY_INTACT, 3);
    took(&f, 1, REPLY_REORDERED, 2);
    took(&f, 2, REPLY_DUPLICATE, 2);
    assert_true(f.taken[2].again);
    took(&f, 3, REPLY_LATE, 1);
    assert_false(f.taken[3].again);
    end(&f);
}

static void test_strays(void **state)
{
    struct fixture f;
    uint8_t buf[SIZE];

    (void)state;
    start(&f, SOCK_STREAM);
    answer(&f, "Welcome", 7);
    assert_int_equal(f.count, 0); /* may be the beginning of a reply to the next probe */
    send_probes(&f, 1, buf);
    answer(&f, buf, SIZE);
    took(&f, 0, REPLY_STRAY, 0);
    assert_int_equal(f.taken[0].len, 7);
    took(&f, 1, REPLY_INTACT, 1);
    end(&f);
}

static void test_forgotten_probes_are_known_by_their_checksum(void **state)
{
    struct fixture f;
    uint8_t buf[9 * SIZE];

    (void)state;
    start(&f, SOCK_DGRAM);
    send_probes(&f, 9, buf); /* the ring holds 8 */
    answer(&f, buf, SIZE);
    took(&f, 0, REPLY_LATE, 1);
    buf[50] ^= 1;
    answer(&f, buf, SIZE);
    assert_int_equal(f.taken[1].verdict, REPLY_STRAY);
    end(&f);
}

static void test_the_end_is_reported(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, SOCK_STREAM);
    assert_int_equal(shutdown(f.server, SHUT_WR), 0);
    assert_int_equal(probe_stream_receive(&f.stream), 1);
    end(&f);
}

/* It arrived right after the answer, and the kernel reports it once. */
static void test_a_reset_is_remembered(void **state)
{
    struct fixture f;
    uint8_t buf[SIZE];

    (void)state;
    start(&f, SOCK_STREAM);
    send_probes(&f, 1, buf);
    assert_int_equal(send(f.server, buf, SIZE, 0), SIZE);
    assert_int_equal(send(f.stream.fd, "unread", 6, 0), 6);
    close(f.server);
    f.server = -1;
    assert_int_equal(probe_stream_receive(&f.stream), -ECONNRESET);
    took(&f, 0, REPLY_INTACT, 1);
    assert_int_equal(probe_stream_send(&f.stream, SIZE), -ECONNRESET);
    end(&f);
}

/* The kernel reports it once, here to send(2). */
static void test_a_reset_that_the_sender_learns_of_is_no_end(void **state)
{
    struct fixture f;
    struct linger at_once = {.l_onoff = 1};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    (void)state;
    start(&f, SOCK_STREAM);
    close(f.server);
    close(f.stream.fd);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    f.stream.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(f.stream.fd, (struct sockaddr *)&a, len), 0);
    f.server = accept(listener, NULL, NULL);
    close(listener);
    assert_int_equal(setsockopt(f.server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(f.server);
    f.server = -1;
    assert_int_equal(probe_stream_send(&f.stream, SIZE), -ECONNRESET);
    assert_int_equal(probe_stream_receive(&f.stream), -ECONNRESET);
    end(&f);
}

/* With more data than is received at once, the caller can check the time. */
static void test_a_flood_is_received_in_parts(void **state)
{
    struct fixture f;
    int size = 16 << 20, calls = 0;
    size_t sent = 0;
    ssize_t n;
    static const char zeros[65536];

    (void)state;
    start(&f, SOCK_SEQPACKET);
    f.stream.take = ignore;
    setsockopt(f.server, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    setsockopt(f.server, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    while ((n = send(f.server, zeros, 1, 0)) > 0)
        sent++;
    assert_true(sent > 64);
    while (probe_stream_receive(&f.stream) == 0 && f.stream.arrived > 0) {
        f.stream.arrived = 0;
        calls++;
    }
    assert_true(calls > 1);
    end(&f);
}

/* However often data arrives. */
static void test_unanswered_data_does_not_prolong(void **state)
{
    struct fixture f;
    uint64_t begin = clock_now();

    (void)state;
    start(&f, SOCK_STREAM);
    f.stream.take = ignore;
    pid_t child = fork();
    if (child == 0) {
        static const char zeros[65536];
        close(f.stream.fd);
        fd_set_nonblocking(f.server, false);
        while (send(f.server, zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
            ;
        _exit(0);
    }
    assert_int_equal(probe_stream_ask(&f.stream, SIZE, 100000, -1), -ETIMEDOUT);
    assert_true(clock_now() - begin >= 100000);
    end(&f);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intact_byte_by_byte),
        cmocka_unit_test(test_truncated_in_the_middle_of_a_stream),
        cmocka_unit_test(test_truncated_at_the_end_of_a_stream),
        cmocka_unit_test(test_corrupted),
        cmocka_unit_test(test_duplicate_reordered_late),
        cmocka_unit_test(test_strays),
        cmocka_unit_test(test_forgotten_probes_are_known_by_their_checksum),
        cmocka_unit_test(test_the_end_is_reported),
        cmocka_unit_test(test_a_reset_is_remembered),
        cmocka_unit_test(test_a_reset_that_the_sender_learns_of_is_no_end),
        cmocka_unit_test(test_a_flood_is_received_in_parts),
        cmocka_unit_test(test_unanswered_data_does_not_prolong),
    };

    return cmocka_run_group_tests_name("trip", tests, NULL, NULL);
}
