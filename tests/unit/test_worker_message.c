/*
 * The service message: a worker in a child, and a scribe in another.
 */
#include "scribe_child.h"
#include "work.h"

#include <fcntl.h>

struct talk {
    struct scribe_child scribe;
    struct work work;
    pid_t writer;
};

static struct talk start_any(void (*make)(int pair[2]), const struct service_options *options,
                             int sink, uint64_t idle, uint64_t session)
{
    struct talk talk;

    scribe_child_open(&talk.scribe, sink);
    talk.writer = scribe_child_start(&talk.scribe, SINK_STDERR);
    talk.work = start_storing(make, options, idle, session, scribe_child_connect(&talk.scribe));
    return talk;
}

static struct talk start_with_sink(const struct service_options *options, int sink)
{
    return start_any(tcp_pair, options, sink, LONG, 0);
}

static struct talk start_talk(const struct service_options *options)
{
    return start_with_sink(options, scribe_child_file());
}

static struct service_options settings(void)
{
    static char ok[] = "OK";

    return (struct service_options){
        .listener = "a", .service = SERVICE_MESSAGE, .reply = {ok, 2}, .max_message = 8};
}

/* Everything that the worker still sends is EXPECTED, and it ends with END; so does the scribe. */
static void ends_both(struct talk *talk, const char *expected, enum end end)
{
    ends(&talk->work, expected, end);
    scribe_child_dismiss(&talk->scribe);
    assert_int_equal(child_end(talk->writer), 0);
}

/* The texts that were stored are EXPECTED, each followed by a |. */
static void stored(struct talk *talk, const char *expected)
{
    static const char prefix[] = " info: message from 192.0.2.1:4242 on a: ";
    static char buf[8192], texts[8192];
    char *rest = buf, *line;

    texts[0] = '\0';
    lseek(talk->scribe.sink, 0, SEEK_SET);
    read_to_end(talk->scribe.sink, buf, sizeof(buf));
    fd_close(&talk->scribe.sink);
    while ((line = strsep(&rest, "\n")) != NULL && *line) {
        char *start = strchr(line, ' '); /* after the time */
        assert_non_null(start);
        assert_memory_equal(start, prefix, strlen(prefix));
        text_append(texts, sizeof(texts), "%s|", start + strlen(prefix));
    }
    assert_string_equal(texts, expected);
}

static void test_messages_are_stored_and_answered(void **state)
{
    struct service_options options = settings();
    struct talk talk = start_talk(&options);

    (void)state;
    client_sends(&talk.work, "one\ntwo\r\n\nrest");
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "OK\nOK\nOK\nOK\n", END_CLOSED);
    stored(&talk, "one|two||rest|");
    assert_int_equal(slot->messages, 4);
    assert_int_equal(slot->bytes_in, 14);
    assert_int_equal(slot->bytes_out, 12);
}

static void test_text_is_escaped(void **state)
{
    struct service_options options = settings();
    struct talk talk = start_talk(&options);

    (void)state;
    client_sends(&talk.work, "\x1b[1m\\\n\xff\xc3\xa4\r\r\n\xe2\x80\xae\x7f\n");
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "OK\nOK\nOK\n", END_CLOSED);
    stored(&talk, "\\x1b[1m\\\\|\\xff\xc3\xa4\\x0d|\\xe2\\x80\\xae\\x7f|");
}

static void test_tab_is_not_lost(void **state)
{
    struct service_options options = settings();
    struct talk talk = start_talk(&options);

    (void)state;
    client_sends(&talk.work, "a\tb\n");
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "OK\n", END_CLOSED);
    stored(&talk, "a\tb|");
}

static void test_without_reply(void **state)
{
    struct service_options options = settings();

    (void)state;
    options.reply.len = 0;
    struct talk talk = start_talk(&options);
    client_sends(&talk.work, "x\ny\n");
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "", END_CLOSED);
    stored(&talk, "x|y|");
}

static void test_max_messages(void **state)
{
    struct service_options options = settings();

    (void)state;
    options.max_messages = 2;
    struct talk talk = start_talk(&options);
    client_sends(&talk.work, "one\ntwo\nthree\nfour\n");
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "OK\nOK\n", END_DONE);
    stored(&talk, "one|two|");
    assert_int_equal(slot->messages, 2);
}

static void test_too_long(void **state)
{
    struct service_options options = settings();
    struct talk talk = start_talk(&options);

    (void)state;
    client_sends(&talk.work, "12345678\n123456789\nmore\n");
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "OK\nERR a message has at most 8 bytes\n", END_TOO_LONG);
    stored(&talk, "12345678|");
    assert_int_equal(slot->messages, 1);
}

static void test_pause_ends_a_message(void **state)
{
    struct service_options options = settings();
    char buf[4] = "";

    (void)state;
    options.message_pause = 5 * USEC_PER_MSEC;
    struct talk talk = start_talk(&options);
    client_sends(&talk.work, "one");
    assert_int_equal(recv(talk.work.client, buf, 3, MSG_WAITALL), 3);
    assert_string_equal(buf, "OK\n");
    client_sends(&talk.work, "two");
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "OK\n", END_CLOSED);
    stored(&talk, "one|two|");
}

#define UNFINISHED "ERR the message did not end in time and was not stored\n"

static void (*const kinds[])(int pair[2]) = {unix_pair, tcp_pair};

/* What the client has not ended is no message, whatever ends the session. */
static void test_stop_stores_what_was_ended(void **state)
{
    static const uint64_t pauses[] = {0, LONG / 2};
    struct service_options options = settings();

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
        options.message_pause = pauses[i / 2];
        struct talk talk = start_any(kinds[i % 2], &options, scribe_child_file(), LONG, 0);
        client_sends(&talk.work, "one\ntwo\nrest");
        kill(talk.work.pid, SIGTERM);
        ends_both(&talk, "OK\nOK\n" UNFINISHED, END_STOPPED);
        stored(&talk, "one|two|");
        assert_int_equal(slot->messages, 2);
    }
}

static void test_stop_with_nothing_unfinished(void **state)
{
    struct service_options options = settings();
    struct talk talk = start_talk(&options);

    (void)state;
    client_sends(&talk.work, "one\n");
    kill(talk.work.pid, SIGTERM);
    ends_both(&talk, "OK\n", END_STOPPED);
    stored(&talk, "one|");
}

/* Then the end is the client's, even if the worker sees it only after that of its own. */
static void test_stop_after_the_client_ended_its_message(void **state)
{
    struct service_options options = settings();
    int status;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct talk talk = start_any(kinds[i], &options, scribe_child_file(), LONG, 0);
        client_sends(&talk.work, "re");
        waits_after(&talk.work, 2);
        kill(talk.work.pid, SIGSTOP);
        assert_int_equal(waitpid(talk.work.pid, &status, WUNTRACED), talk.work.pid);
        client_sends(&talk.work, "st");
        shutdown(talk.work.client, SHUT_WR);
        kill(talk.work.pid, SIGTERM);
        kill(talk.work.pid, SIGCONT);
        ends_both(&talk, "OK\n", END_CLOSED);
        stored(&talk, "rest|");
    }
}

/* What is there before the worker is cannot come too late. */
static void unix_pair_with_half_a_line(int pair[2])
{
    unix_pair(pair);
    assert_int_equal(fd_write_all(pair[1], "half", 4), 0);
}

static void tcp_pair_with_half_a_line(int pair[2])
{
    tcp_pair(pair);
    assert_int_equal(fd_write_all(pair[1], "half", 4), 0);
}

static void test_timeout_stores_what_was_ended(void **state)
{
    static const struct {
        uint64_t idle, session;
        enum end end;
    } cases[] = {{FEW, 0, END_IDLE}, {0, USEC_PER_SEC / 2, END_SESSION}, {FEW, LONG, END_IDLE}};
    static void (*const filled[])(int pair[2]) = {unix_pair_with_half_a_line,
                                                  tcp_pair_with_half_a_line};
    struct service_options options = settings();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases) * ARRAY_SIZE(filled); i++) {
        size_t which = i / 2;
        struct talk talk = start_any(filled[i % 2], &options, scribe_child_file(),
                                     cases[which].idle, cases[which].session);
        ends_both(&talk, UNFINISHED, cases[which].end);
        stored(&talk, "");
    }
}

static void test_busy_while_a_message_has_not_ended(void **state)
{
    struct service_options options = settings();
    struct talk talk = start_talk(&options);
    char buf[8];

    (void)state;
    client_sends(&talk.work, "half");
    waits_after(&talk.work, 4);
    assert_int_equal(slot->busy, 1);
    client_sends(&talk.work, "\n");
    assert_int_equal(recv(talk.work.client, buf, 3, MSG_WAITALL), 3);
    waits_after(&talk.work, 5);
    assert_int_equal(slot->busy, 0);
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "", END_CLOSED);
    stored(&talk, "half|");
}

static void test_sink_that_fails(void **state)
{
    struct service_options options = settings();
    struct talk talk = start_with_sink(&options, open("/dev/full", O_WRONLY | O_CLOEXEC));

    (void)state;
    client_sends(&talk.work, "one\ntwo\n");
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "ERR the message could not be stored\n", END_NOT_STORED);
    assert_int_equal(slot->error, ENOSPC);
    assert_int_equal(slot->messages, 0);
    fd_close(&talk.scribe.sink);
}

/* Every byte of it is escaped to four. */
static void test_longest_message_there_may_be(void **state)
{
    static char text[65536];
    struct service_options options = settings();
    struct stat st;

    (void)state;
    options.max_message = sizeof(text);
    struct talk talk = start_talk(&options);
    memset(text, 0xff, sizeof(text));
    assert_int_equal(fd_write_all(talk.work.client, text, sizeof(text)), 0);
    client_sends(&talk.work, "\r\n");
    shutdown(talk.work.client, SHUT_WR);
    ends_both(&talk, "OK\n", END_CLOSED);
    assert_int_equal(fstat(talk.scribe.sink, &st), 0);
    assert_in_range(st.st_size, 4 * sizeof(text), 4 * sizeof(text) + 100);
    fd_close(&talk.scribe.sink);
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
        cmocka_unit_test(test_stop_stores_what_was_ended),
        cmocka_unit_test(test_stop_with_nothing_unfinished),
        cmocka_unit_test(test_stop_after_the_client_ended_its_message),
        cmocka_unit_test(test_timeout_stores_what_was_ended),
        cmocka_unit_test(test_busy_while_a_message_has_not_ended),
        cmocka_unit_test(test_sink_that_fails),
        cmocka_unit_test(test_longest_message_there_may_be),
    };
    return cmocka_run_group_tests(tests, work_setup, NULL);
}
