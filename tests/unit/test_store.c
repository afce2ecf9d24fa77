/*
 * store_record(), with scribes that are slow to answer, and die.
 */
#include "scribe/store.h"

#include "base/span.h"
#include "scribe/scribe.h"

#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <syslog.h>

#define FEW (10 * USEC_PER_MSEC)
#define LONG (60 * USEC_PER_SEC)

static struct scribe scribe;
static int sink;

static int setup(void **state)
{
    (void)state;
    sink = memfd_create("sink", MFD_CLOEXEC);
    return sink < 0 ? -1 : scribe_open(&scribe, SINK_STDERR);
}

static int teardown(void **state)
{
    (void)state;
    scribe_close(&scribe);
    fd_close(&sink);
    return 0;
}

static int store(uint64_t timeout)
{
    char buf[RECORD_MAX];
    struct record record;

    record_start(&record, buf, sizeof(buf), LOG_INFO, "text");
    return store_record(scribe.messages_out, &record, timeout);
}

/* How often "text" was written. */
static size_t written(void)
{
    static char buf[1024 * 1024];
    size_t count = 0;

    lseek(sink, 0, SEEK_SET);
    read_to_end(sink, buf, sizeof(buf));
    for (const char *p = buf; (p = strstr(p, ": text\n")) != NULL; p++)
        count++;
    return count;
}

/* Takes a letter and drops it, with the descriptor in it: as one does who dies over it. */
static void drop_a_letter(void)
{
    char buf[RECORD_MAX];

    if (recv(scribe.messages_in, buf, sizeof(buf), 0) <= 0)
        _exit(1);
}

/* A scribe that first drops so many letters. */
static pid_t start_dropping(int letters)
{
    pid_t pid = fork();

    if (pid == 0) {
        dup2(sink, STDERR_FILENO);
        fd_close(&scribe.records_out);
        fd_close(&scribe.messages_out);
        for (int i = 0; i < letters; i++)
            drop_a_letter();
        scribe_run(&scribe);
    }
    assert_true(pid > 0);
    return pid;
}

static void ends(pid_t pid)
{
    fd_close(&scribe.records_out);
    fd_close(&scribe.messages_out);
    assert_int_equal(child_end(pid), 0);
}

static void test_nobody_answers(void **state)
{
    uint64_t before = clock_now();

    (void)state;
    assert_int_equal(store(FEW), -ETIMEDOUT);
    assert_true(clock_now() - before >= FEW);
    assert_int_equal(store(0), -ETIMEDOUT);
}

/* Nor is there room in the queue for the question. */
static void test_queue_is_full(void **state)
{
    char byte = 0;

    (void)state;
    while (send(scribe.messages_out, &byte, 1, MSG_DONTWAIT) == 1)
        ;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(store(FEW), -ETIMEDOUT);
}

static void test_waits_for_room_in_the_queue(void **state)
{
    char byte = 0;

    (void)state;
    while (send(scribe.messages_out, &byte, 1, MSG_DONTWAIT) == 1)
        ;
    pid_t pid = start_dropping(0);
    assert_int_equal(store(LONG), 0);
    assert_int_equal(written(), 1);
    ends(pid);
}

static void test_scribe_that_dies_over_it_is_asked_again(void **state)
{
    pid_t pid = start_dropping(3);

    (void)state;
    assert_int_equal(store(LONG), 0);
    assert_int_equal(written(), 1);
    ends(pid);
}

static void test_a_scribe_that_comes_late_finds_the_question(void **state)
{
    pid_t first = fork();

    (void)state;
    if (first == 0) {
        drop_a_letter();
        _exit(start_dropping(0) > 0 ? 0 : 1); /* and its replacement */
    }
    assert_int_equal(store(LONG), 0);
    assert_int_equal(child_end(first), 0);
    assert_int_equal(written(), 1);
}

static void test_channel_that_is_closed(void **state)
{
    (void)state;
    fd_close(&scribe.messages_in);
    assert_int_equal(store(LONG), -EPIPE);
}

static void test_leaves_no_descriptors_behind(void **state)
{
    int before = dup(0), after;

    (void)state;
    close(before);
    pid_t pid = start_dropping(2);
    for (int i = 0; i < 10; i++)
        assert_int_equal(store(LONG), 0);
    after = dup(0);
    close(after);
    assert_int_equal(after, before);
    ends(pid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_answers),
        TEST(test_queue_is_full),
        TEST(test_waits_for_room_in_the_queue),
        TEST(test_scribe_that_dies_over_it_is_asked_again),
        TEST(test_a_scribe_that_comes_late_finds_the_question),
        TEST(test_channel_that_is_closed),
        TEST(test_leaves_no_descriptors_behind),
    };
    return cmocka_run_group_tests(tests, watchdog_setup, NULL);
}
