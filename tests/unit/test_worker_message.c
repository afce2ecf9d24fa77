/*
 * The service message: a worker in a child, and a scribe in another, whose standard error is a
 * file of the test's.
 */
#include "scribe/scribe.h"
#include "worker/worker.h"

#include "base/span.h"

#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#define LONG (60 * USEC_PER_SEC)

static struct slot *slot; /* shared with the worker */

struct work {
    struct scribe scribe;
    pid_t worker, writer;
    int client; /* the test's end of the connection */
    int sink;   /* what the scribe wrote */
};

static int group_setup(void **state)
{
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    slot = mmap(NULL, sizeof(*slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return slot == MAP_FAILED ? -1 : watchdog_setup(state);
}

static void start_scribe(struct work *work)
{
    assert_int_equal(scribe_open(&work->scribe, SINK_STDERR), 0);
    work->writer = fork();
    if (work->writer == 0) {
        dup2(work->sink, STDERR_FILENO);
        fd_close(&work->scribe.records_out);
        scribe_run(&work->scribe);
    }
    assert_true(work->writer > 0);
}

static void start_worker(struct work *work, const struct listen_settings *listen)
{
    static const struct title no_title;
    int pair[2];
    struct store store;
    struct job job = {.messages = &store,
                      .slot = slot,
                      .listen = listen,
                      .idle_timeout = LONG,
                      .title = &no_title};

    *slot = (struct slot){.error = 0};
    assert_int_equal(store_find(&store, work->scribe.messages), 0);
    address_numeric(&job.peer, "192.0.2.1", 4242);
    tcp_pair(pair);
    job.client = pair[0];
    work->worker = fork();
    if (work->worker == 0)
        worker_run(&job);
    assert_true(work->worker > 0);
    close(pair[0]);
    work->client = pair[1];
}

static struct work start_with_sink(const struct listen_settings *listen, int sink)
{
    struct work work = {.sink = sink};

    assert_true(sink >= 0);
    start_scribe(&work);
    start_worker(&work, listen);
    return work;
}

static struct work start(const struct listen_settings *listen)
{
    return start_with_sink(listen, memfd_create("sink", MFD_CLOEXEC));
}

static struct listen_settings settings(void)
{
    static char ok[] = "OK";

    return (struct listen_settings){
        .name = "a", .service = SERVICE_MESSAGE, .reply = {ok, 2}, .max_message = 8};
}

static void says(const struct work *work, const char *text)
{
    assert_int_equal(fd_write_all(work->client, text, strlen(text)), 0);
}

/* Everything that the worker still sends is EXPECTED, and it ends with END. */
static void ends(struct work *work, const char *expected, enum end end)
{
    char buf[256];

    assert_int_equal(read_to_end(work->client, buf, sizeof(buf)), strlen(expected));
    assert_string_equal(buf, expected);
    fd_close(&work->client);
    assert_int_equal(child_end(work->worker), end);
    scribe_close(&work->scribe);
    assert_int_equal(child_end(work->writer), 0);
}

/* The texts that were stored are EXPECTED, a | behind each. */
static void stored(struct work *work, const char *expected)
{
    static const char prefix[] = " info: message from 192.0.2.1:4242 on a: ";
    static char buf[8192], texts[8192];
    char *rest = buf, *line;

    texts[0] = '\0';
    lseek(work->sink, 0, SEEK_SET);
    read_to_end(work->sink, buf, sizeof(buf));
    fd_close(&work->sink);
    while ((line = strsep(&rest, "\n")) != NULL && *line) {
        char *start = strchr(line, ' '); /* behind the time */
        assert_non_null(start);
        assert_memory_equal(start, prefix, strlen(prefix));
        text_append(texts, sizeof(texts), "%s|", start + strlen(prefix));
    }
    assert_string_equal(texts, expected);
}

static void test_messages_are_stored_and_answered(void **state)
{
    struct listen_settings listen = settings();
    struct work work = start(&listen);

    (void)state;
    says(&work, "one\ntwo\r\n\nrest");
    shutdown(work.client, SHUT_WR);
    ends(&work, "OK\nOK\nOK\nOK\n", END_CLOSED);
    stored(&work, "one|two||rest|");
    assert_int_equal(slot->messages, 4);
    assert_int_equal(slot->bytes_in, 14);
    assert_int_equal(slot->bytes_out, 12);
}

static void test_text_is_escaped(void **state)
{
    struct listen_settings listen = settings();
    struct work work = start(&listen);

    (void)state;
    says(&work, "\x1b[1m\\\n\xff\xc3\xa4\r\r\n\xe2\x80\xae\x7f\n");
    shutdown(work.client, SHUT_WR);
    ends(&work, "OK\nOK\nOK\n", END_CLOSED);
    stored(&work, "\\x1b[1m\\\\|\\xff\xc3\xa4\\x0d|\\xe2\\x80\\xae\\x7f|");
}

static void test_tab_is_not_lost(void **state)
{
    struct listen_settings listen = settings();
    struct work work = start(&listen);

    (void)state;
    says(&work, "a\tb\n");
    shutdown(work.client, SHUT_WR);
    ends(&work, "OK\n", END_CLOSED);
    stored(&work, "a\tb|");
}

static void test_without_reply(void **state)
{
    struct listen_settings listen = settings();

    (void)state;
    listen.reply.len = 0;
    struct work work = start(&listen);
    says(&work, "x\ny\n");
    shutdown(work.client, SHUT_WR);
    ends(&work, "", END_CLOSED);
    stored(&work, "x|y|");
}

static void test_max_messages(void **state)
{
    struct listen_settings listen = settings();

    (void)state;
    listen.max_messages = 2;
    struct work work = start(&listen);
    says(&work, "one\ntwo\nthree\nfour\n");
    shutdown(work.client, SHUT_WR);
    ends(&work, "OK\nOK\n", END_DONE);
    stored(&work, "one|two|");
    assert_int_equal(slot->messages, 2);
}

static void test_too_long(void **state)
{
    struct listen_settings listen = settings();
    struct work work = start(&listen);

    (void)state;
    says(&work, "12345678\n123456789\nmore\n");
    shutdown(work.client, SHUT_WR);
    ends(&work, "OK\nERR a message has at most 8 bytes\n", END_TOO_LONG);
    stored(&work, "12345678|");
    assert_int_equal(slot->messages, 1);
}

static void test_pause_ends_a_message(void **state)
{
    struct listen_settings listen = settings();
    char buf[4] = "";

    (void)state;
    listen.message_pause = 5 * USEC_PER_MSEC;
    struct work work = start(&listen);
    says(&work, "one");
    assert_int_equal(recv(work.client, buf, 3, MSG_WAITALL), 3);
    assert_string_equal(buf, "OK\n");
    says(&work, "two");
    shutdown(work.client, SHUT_WR);
    ends(&work, "OK\n", END_CLOSED);
    stored(&work, "one|two|");
}

static void test_stop_stores_what_came(void **state)
{
    struct listen_settings listen = settings();
    struct work work = start(&listen);

    (void)state;
    says(&work, "one\ntwo\nrest");
    kill(work.worker, SIGTERM);
    ends(&work, "OK\nOK\nOK\n", END_STOPPED);
    stored(&work, "one|two|rest|");
}

static void test_sink_that_fails(void **state)
{
    struct listen_settings listen = settings();
    struct work work = start_with_sink(&listen, open("/dev/full", O_WRONLY | O_CLOEXEC));

    (void)state;
    says(&work, "one\ntwo\n");
    shutdown(work.client, SHUT_WR);
    ends(&work, "ERR the message could not be stored\n", END_NOT_STORED);
    assert_int_equal(slot->error, ENOSPC);
    assert_int_equal(slot->messages, 0);
    fd_close(&work.sink);
}

/* Every byte of it is escaped to four. */
static void test_longest_message_there_may_be(void **state)
{
    static char text[65536];
    struct listen_settings listen = settings();
    struct stat st;

    (void)state;
    listen.max_message = sizeof(text);
    struct work work = start(&listen);
    memset(text, 0xff, sizeof(text));
    assert_int_equal(fd_write_all(work.client, text, sizeof(text)), 0);
    says(&work, "\r\n");
    shutdown(work.client, SHUT_WR);
    ends(&work, "OK\n", END_CLOSED);
    assert_int_equal(fstat(work.sink, &st), 0);
    assert_in_range(st.st_size, 4 * sizeof(text), 4 * sizeof(text) + 100);
    fd_close(&work.sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_are_stored_and_answered),
        cmocka_unit_test(test_text_is_escaped),
        cmocka_unit_test(test_tab_is_not_lost),
        cmocka_unit_test(test_without_reply),
        cmocka_unit_test(test_max_messages),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_pause_ends_a_message),
        cmocka_unit_test(test_stop_stores_what_came),
        cmocka_unit_test(test_sink_that_fails),
        cmocka_unit_test(test_longest_message_there_may_be),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
