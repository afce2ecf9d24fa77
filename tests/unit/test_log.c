#include "log/log.h"

#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>

/* A log whose channel the test reads at pair[0]. */
struct channel {
    int pair[2];
    struct log log;
};

static struct channel begin(int level)
{
    struct channel channel;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel.pair), 0);
    channel.log = (struct log){.level = level, .channel = channel.pair[1]};
    return channel;
}

static void finish(struct channel *channel)
{
    fd_close(&channel->pair[0]);
    fd_close(&channel->pair[1]);
}

/* Returns the field NAME of the next record, valid until the next call, or NULL if there is none.
 */
static const char *next(struct channel *channel, const char *name)
{
    static char buf[RECORD_MAX];
    ssize_t n = recv(channel->pair[0], buf, sizeof(buf), MSG_DONTWAIT);

    return n < 0 ? NULL : record_get(buf, (size_t)n, name);
}

static void test_levels(void **state)
{
    struct channel channel = begin(LOG_NOTICE);

    (void)state;
    assert_true(log_is_enabled(&channel.log, LOG_ERR));
    assert_true(log_is_enabled(&channel.log, LOG_NOTICE));
    assert_false(log_is_enabled(&channel.log, LOG_INFO));
    log_error(&channel.log, "e%d", 1);
    log_warning(&channel.log, "w");
    log_notice(&channel.log, "n");
    log_info(&channel.log, "i");
    log_debug(&channel.log, "d");
    assert_string_equal(next(&channel, "MESSAGE"), "e1");
    assert_string_equal(next(&channel, "PRIORITY"), "4");
    assert_string_equal(next(&channel, "MESSAGE"), "n");
    assert_null(next(&channel, "MESSAGE"));
    finish(&channel);
}

static void test_record_goes_as_it_is(void **state)
{
    struct channel channel = begin(LOG_INFO);
    char buf[RECORD_MAX], got[RECORD_MAX];
    struct record record;

    (void)state;
    record_start(&record, buf, sizeof(buf), LOG_INFO, "m");
    record_add(&record, "ECHOD_A", "%d", 1);
    log_send(&channel.log, &record);
    assert_int_equal(recv(channel.pair[0], got, sizeof(got), 0), record.used);
    assert_memory_equal(got, record.data, record.used);
    finish(&channel);
}

static void test_long_text_is_cut(void **state)
{
    struct channel channel = begin(LOG_INFO);

    (void)state;
    log_info(&channel.log, "%05000d", 0);
    const char *message = next(&channel, "MESSAGE");
    assert_in_range(strlen(message), 500, RECORD_MAX);
    assert_int_equal(channel.log.dropped, 0);
    finish(&channel);
}

/* Fills the channel until a record is dropped. Returns how many it has taken. */
static unsigned fill(struct channel *channel)
{
    unsigned taken = 0;

    for (; channel->log.dropped == 0; taken++)
        log_info(&channel->log, "%u", taken);
    return taken - 1;
}

static void test_full_channel_drops_counts_and_reports(void **state)
{
    struct channel channel = begin(LOG_INFO);
    unsigned taken = fill(&channel);
    char expected[16];

    (void)state;
    log_info(&channel.log, "lost");
    log_report_dropped(&channel.log); /* there is no room for it */
    log_debug(&channel.log, "not wanted, so not lost");
    assert_int_equal(channel.log.dropped, 2);
    for (unsigned i = 0; i < taken; i++) {
        snprintf(expected, sizeof(expected), "%u", i);
        assert_string_equal(next(&channel, "MESSAGE"), expected);
    }
    assert_null(next(&channel, "MESSAGE"));
    log_report_dropped(&channel.log);
    assert_int_equal(channel.log.dropped, 0);
    assert_string_equal(next(&channel, "ECHOD_DROPPED"), "2");
    log_report_dropped(&channel.log); /* once */
    assert_null(next(&channel, "MESSAGE"));
    finish(&channel);
}

static void test_total_of_dropped_records(void **state)
{
    struct channel channel = begin(LOG_INFO);
    uint64_t total = 10;

    (void)state;
    channel.log.total_dropped = &total;
    unsigned taken = fill(&channel);
    log_info(&channel.log, "lost");
    for (unsigned i = 0; i < taken; i++)
        assert_non_null(next(&channel, "MESSAGE"));
    log_report_dropped(&channel.log);
    assert_int_equal(channel.log.dropped, 0);
    assert_int_equal(total, 12);
    finish(&channel);
}

static void test_event(void **state)
{
    struct channel channel = begin(LOG_NOTICE);

    (void)state;
    log_event(&channel.log, EVENT_PAUSED, LOG_INFO, "not wanted");
    log_event(&channel.log, EVENT_PAUSED, LOG_NOTICE, "text %d", 1);
    log_event(&channel.log, EVENT_RESUMED, LOG_NOTICE, "text");
    log_notice(&channel.log, "no event");
    assert_string_equal(next(&channel, "ECHOD_EVENT"), "paused");
    assert_string_equal(next(&channel, "MESSAGE_ID"), event_meaning(EVENT_RESUMED)->id);
    assert_null(next(&channel, "ECHOD_EVENT"));
    finish(&channel);
}

static void test_dropped_count_precedes_the_next_record(void **state)
{
    struct channel channel = begin(LOG_INFO);
    unsigned taken = fill(&channel);

    (void)state;
    for (unsigned i = 0; i < taken; i++)
        assert_non_null(next(&channel, "MESSAGE"));
    log_info(&channel.log, "after");
    assert_string_equal(next(&channel, "ECHOD_DROPPED"), "1");
    assert_string_equal(next(&channel, "MESSAGE"), "after");
    finish(&channel);
}

static void test_nothing_overtakes_the_dropped_count(void **state)
{
    struct channel channel = begin(LOG_INFO);
    unsigned taken = fill(&channel);

    (void)state;
    for (unsigned i = 0; i < taken; i++) {
        assert_string_not_equal(next(&channel, "MESSAGE"), "late");
        log_info(&channel.log, "late");
    }
    assert_non_null(next(&channel, "ECHOD_DROPPED"));
    finish(&channel);
}

static void test_channel_without_reader(void **state)
{
    struct channel channel = begin(LOG_INFO);

    (void)state;
    fd_close(&channel.pair[0]);
    log_info(&channel.log, "nobody"); /* no SIGPIPE */
    assert_int_equal(channel.log.dropped, 1);
    finish(&channel);
}

static void test_standard_error_without_channel(void **state)
{
    struct log log = {.level = LOG_INFO, .channel = -1};
    int file = memfd_create("stderr", MFD_CLOEXEC), saved = dup(STDERR_FILENO);
    char buf[64];

    (void)state;
    dup2(file, STDERR_FILENO);
    log_info(&log, "a\nb %d", 5);
    log_debug(&log, "no");
    log_report_dropped(&log);
    dup2(saved, STDERR_FILENO);
    close(saved);
    lseek(file, 0, SEEK_SET);
    read_to_end(file, buf, sizeof(buf));
    close(file);
    assert_string_equal(buf, "echod: a?b 5\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_record_goes_as_it_is),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_full_channel_drops_counts_and_reports),
        cmocka_unit_test(test_total_of_dropped_records),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_dropped_count_precedes_the_next_record),
        cmocka_unit_test(test_nothing_overtakes_the_dropped_count),
        cmocka_unit_test(test_channel_without_reader),
        cmocka_unit_test(test_standard_error_without_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
