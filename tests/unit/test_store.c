/*
 * The connections over which workers have messages stored, with scribes that are slow to answer,
 * and die.
 */
#include "ipc/store.h"

#include "scribe_child.h"

#include <fcntl.h>
#include <poll.h>

#define FEW (10 * USEC_PER_MSEC)

/* A worker's connection, of which the test keeps the far end, as the daemon does. */
struct setting {
    struct scribe_child scribe;
    struct store to;
    int far;
};

static struct setting s;

static int setup(void **state)
{
    int ends[2];

    (void)state;
    scribe_child_open(&s.scribe, scribe_child_file());
    assert_int_equal(store_open(ends), 0);
    s.to = (struct store){.fd = ends[0]};
    s.far = ends[1];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scribe_child_dismiss(&s.scribe);
    fd_close(&s.to.fd);
    fd_close(&s.far);
    fd_close(&s.scribe.sink);
    return 0;
}

static int store(uint64_t timeout)
{
    return store_text(&s.to, "text", timeout);
}

/* A scribe that has the connection, as the one before it had. */
static pid_t start(void)
{
    pid_t pid = scribe_child_start(&s.scribe, SINK_STDERR);

    scribe_child_pass(&s.scribe, s.far);
    return pid;
}

static void ends(pid_t pid)
{
    scribe_child_dismiss(&s.scribe);
    assert_int_equal(child_end(pid), 0);
}

/* How often "text" was written. */
static size_t written(void)
{
    static char buf[1024 * 1024];
    size_t count = 0;

    lseek(s.scribe.sink, 0, SEEK_SET);
    read_to_end(s.scribe.sink, buf, sizeof(buf));
    for (const char *p = buf; (p = strstr(p, ": message from text\n")) != NULL; p++)
        count++;
    return count;
}

/* Waits for a record, and looks at it. Returns its length. */
static ssize_t look(struct store_head *head, pid_t *sender)
{
    static char buf[STORE_RECORD_MAX];
    struct pollfd asking = {.fd = s.far, .events = POLLIN};

    assert_int_equal(poll(&asking, 1, -1), 1);
    return store_peek(s.far, head, buf, sender);
}

/* A scribe that looks at a record, and dies over it. */
static void dies_over_it(void)
{
    struct store_head head;
    pid_t sender, scribe = fork();

    if (scribe == 0)
        _exit(look(&head, &sender) > 0 ? 0 : 1);
    assert_int_equal(child_end(scribe), 0);
}

/* ---- the connection ---- */

static void test_ends(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd = i ? s.far : s.to.fd;
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    }
}

static void test_peek_leaves_the_record_there(void **state)
{
    struct store_head head;
    char buf[STORE_RECORD_MAX];
    pid_t sender = 0;

    (void)state;
    assert_int_equal(store_peek(s.far, &head, buf, &sender), -EAGAIN);
    assert_int_equal(store(0), -ETIMEDOUT);
    ssize_t len = look(&head, &sender);
    assert_true(len > 0);
    for (int i = 0; i < 3; i++) {
        memset(buf, 0, sizeof(buf));
        assert_int_equal(store_peek(s.far, &head, buf, &sender), len);
        assert_int_equal(head.id, 1);
        assert_int_equal(sender, getpid());
        assert_string_equal(record_get(buf, (size_t)len, "MESSAGE"), "text");
    }
    store_answer(s.far, &head);
    assert_int_equal(store_peek(s.far, &head, buf, &sender), -EAGAIN);
}

static void test_sender_is_who_sent(void **state)
{
    struct store_head head;
    pid_t sender = 0, worker = fork();

    (void)state;
    if (worker == 0)
        _exit(-store(0) & 0xff);
    assert_true(look(&head, &sender) > 0);
    assert_int_equal(child_end(worker), ETIMEDOUT);
    assert_int_equal(sender, worker);
}

static void test_what_is_no_record_is_taken_away(void **state)
{
    static const char much[sizeof(struct store_head) + STORE_RECORD_MAX + 1];
    static const size_t sizes[] = {1, sizeof(struct store_head) - 1, sizeof(struct store_head),
                                   sizeof(much)};
    struct store_head head;
    pid_t sender;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        assert_int_equal(send(s.to.fd, much, sizes[i], 0), sizes[i]);
    assert_int_equal(store(0), -ETIMEDOUT);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        assert_int_equal(look(&head, &sender), -EPROTO);
    assert_true(look(&head, &sender) > 0);
}

static void test_longest_record(void **state)
{
    static char data[STORE_RECORD_MAX], got[STORE_RECORD_MAX];
    const struct record record = {.data = data, .size = sizeof(data), .used = sizeof(data)};
    struct store_head head;
    pid_t sender;

    (void)state;
    memset(data, 'x', sizeof(data));
    assert_int_equal(store_record(&s.to, &record, 0), -ETIMEDOUT);
    assert_int_equal(store_peek(s.far, &head, got, &sender), sizeof(data));
    assert_memory_equal(got, data, sizeof(data));
}

static void test_worker_that_is_gone(void **state)
{
    struct store_head head;
    pid_t sender;

    (void)state;
    assert_int_equal(store(0), -ETIMEDOUT);
    fd_close(&s.to.fd);
    assert_true(look(&head, &sender) > 0); /* what it sent counts */
    store_answer(s.far, &head);
    assert_int_equal(look(&head, &sender), 0);
}

/* ---- waiting ---- */

static void test_answer_times_out(void **state)
{
    uint64_t before = clock_now();

    (void)state;
    assert_int_equal(store(FEW), -ETIMEDOUT);
    assert_true(clock_now() - before >= FEW);
    assert_int_equal(store(0), -ETIMEDOUT);
}

/* Sends records until there is no room for more. Returns how many. */
static size_t fill(void)
{
    static char data[STORE_RECORD_MAX / 8];
    struct store_head head = {.id = s.to.last};
    size_t count = 0;

    for (;;) {
        head.id++;
        memcpy(data, &head, sizeof(head));
        if (send(s.to.fd, data, sizeof(data), MSG_DONTWAIT) < 0)
            break;
        s.to.last = head.id;
        count++;
        assert_true(count < 1000);
    }
    assert_int_equal(errno, EAGAIN);
    return count;
}

static void test_no_room(void **state)
{
    uint64_t before = clock_now();

    (void)state;
    assert_true(fill() > 0);
    assert_int_equal(store_text(&s.to, "text", FEW), -ETIMEDOUT);
    assert_true(clock_now() - before >= FEW);
}

static void test_waits_for_room(void **state)
{
    (void)state;
    assert_true(fill() > 0);
    while (store_text(&s.to, "", 0) == -ETIMEDOUT && s.to.last < 1000)
        continue; /* and not a byte more */
    pid_t pid = start();
    assert_int_equal(store(LONG_TIME), 0);
    assert_int_equal(written(), 1);
    ends(pid);
}

static void test_late_answer_is_not_that_to_the_next_record(void **state)
{
    struct store_head head;
    pid_t sender;

    (void)state;
    assert_int_equal(store(FEW), -ETIMEDOUT);
    assert_true(look(&head, &sender) > 0);
    head.error = ENOSPC;
    store_answer(s.far, &head);
    assert_int_equal(store(FEW), -ETIMEDOUT);
    pid_t pid = start();
    assert_int_equal(store(LONG_TIME), 0);
    assert_int_equal(written(), 2);
    ends(pid);
}

/* One that answers and dies before it has taken the record away is followed by one that answers
 * it again. */
static void test_second_answer_is_not_that_to_the_next_record(void **state)
{
    struct store_head head = {.id = 1};

    (void)state;
    assert_int_equal(send(s.far, &head, sizeof(head), 0), sizeof(head));
    pid_t pid = start();
    assert_int_equal(store(LONG_TIME), 0);
    assert_int_equal(store(LONG_TIME), 0);
    assert_int_equal(written(), 2);
    ends(pid);
}

static void test_nonsense_is_no_answer(void **state)
{
    static const char nonsense[2 * sizeof(struct store_head)];

    (void)state;
    for (size_t size = 1; size <= sizeof(nonsense); size++)
        assert_int_equal(send(s.far, nonsense, size, 0), size);
    assert_int_equal(store(FEW), -ETIMEDOUT);
}

static void test_error_of_the_sink(void **state)
{
    struct store_head head;
    pid_t sender, scribe = fork();

    (void)state;
    if (scribe == 0) {
        look(&head, &sender);
        head.error = EDQUOT;
        store_answer(s.far, &head);
        _exit(0);
    }
    assert_int_equal(store(LONG_TIME), -EDQUOT);
    assert_int_equal(child_end(scribe), 0);
}

/* ---- scribes that die ---- */

static void test_next_scribe_answers_after_a_crash(void **state)
{
    pid_t worker = fork();

    (void)state;
    if (worker == 0)
        _exit(-store(LONG_TIME) & 0xff);
    for (int deaths = 0; deaths < 3; deaths++)
        dies_over_it();
    pid_t pid = start();
    assert_int_equal(child_end(worker), 0);
    assert_int_equal(written(), 1);
    ends(pid);
}

/* A scribe is killed between its two halves: what it wrote is there, what it answered is not. */
static void test_stored_twice_but_not_lost(void **state)
{
    static const char line[] = "now info: message from text\n";
    struct store_head head;
    pid_t sender, dying = fork();

    (void)state;
    if (dying == 0)
        _exit(look(&head, &sender) > 0 && fd_write_all(s.scribe.sink, line, sizeof(line) - 1) == 0
                  ? 0
                  : 1);
    assert_int_equal(store(FEW), -ETIMEDOUT);
    assert_int_equal(child_end(dying), 0);
    pid_t pid = start();
    assert_int_equal(store(LONG_TIME), 0);
    assert_int_equal(written(), 3);
    ends(pid);
}

static void test_scribe_that_comes_late_finds_what_was_sent(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(store(0), -ETIMEDOUT);
    pid_t pid = start();
    assert_int_equal(store(LONG_TIME), 0);
    assert_int_equal(written(), 4);
    ends(pid);
}

/* Daemon and scribe are gone: before it is sent, or after. */
static void test_scribe_is_gone(void **state)
{
    (void)state;
    assert_int_equal(fill() > 0, 1);
    fd_close(&s.far);
    assert_int_equal(store(LONG_TIME), -EPIPE);
    assert_int_equal(store(LONG_TIME), -EPIPE);
}

static void test_scribe_dies_while_waiting(void **state)
{
    struct store_head head;
    pid_t sender, dying = fork();

    (void)state;
    if (dying == 0) {
        fd_close(&s.to.fd);
        _exit(look(&head, &sender) > 0 ? 0 : 1);
    }
    fd_close(&s.far);
    assert_int_equal(store(LONG_TIME), -EPIPE);
    assert_int_equal(child_end(dying), 0);
}

static void test_leaves_no_descriptors_behind(void **state)
{
    pid_t pid = start();
    int before = dup(0), after;

    (void)state;
    close(before);
    for (int i = 0; i < 10; i++)
        assert_int_equal(store(LONG_TIME), 0);
    after = dup(0);
    close(after);
    assert_int_equal(after, before);
    ends(pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ends),
        TEST(test_peek_leaves_the_record_there),
        TEST(test_sender_is_who_sent),
        TEST(test_what_is_no_record_is_taken_away),
        TEST(test_longest_record),
        TEST(test_worker_that_is_gone),
        TEST(test_answer_times_out),
        TEST(test_no_room),
        TEST(test_waits_for_room),
        TEST(test_late_answer_is_not_that_to_the_next_record),
        TEST(test_second_answer_is_not_that_to_the_next_record),
        TEST(test_nonsense_is_no_answer),
        TEST(test_error_of_the_sink),
        TEST(test_next_scribe_answers_after_a_crash),
        TEST(test_stored_twice_but_not_lost),
        TEST(test_scribe_that_comes_late_finds_what_was_sent),
        TEST(test_scribe_is_gone),
        TEST(test_scribe_dies_while_waiting),
        TEST(test_leaves_no_descriptors_behind),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
