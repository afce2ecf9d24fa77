#include "base/text.h"
#include "service/framing.h"

#include "unit.h"

#define MAX 4

/* The messages that were taken, each followed by a |; + before one that the end of the stream
 * ended. */
struct taken {
    struct framing framing;
    char text[512];
    bool too_long;
};

static void begin(struct taken *taken)
{
    /* Of exact size, so that a sanitizer sees writes beyond the end. */
    *taken = (struct taken){.framing = {.buf = malloc(MAX + FRAMING_EXTRA), .max = MAX}};
}

static void take(struct taken *taken)
{
    struct message message;
    int r;

    while ((r = framing_next(&taken->framing, &message)) > 0)
        text_append(taken->text, sizeof(taken->text), "%.*s|", (int)message.len, message.data);
    assert_true(r == 0 || r == -EMSGSIZE);
    taken->too_long = r < 0;
}

/* Passes DATA to the framing as it has room, and takes complete messages. */
static void feed(struct taken *taken, const char *data, size_t len)
{
    while (len > 0 && !taken->too_long) {
        size_t size;
        char *room = framing_room(&taken->framing, &size);
        assert_true(size > 0);
        if (size > len)
            size = len;
        memcpy(room, data, size);
        framing_filled(&taken->framing, size);
        data += size;
        len -= size;
        take(taken);
    }
}

static void finish(struct taken *taken)
{
    struct message message;

    if (!taken->too_long && framing_rest(&taken->framing, &message))
        text_append(taken->text, sizeof(taken->text), "+%.*s|", (int)message.len, message.data);
    if (taken->too_long)
        text_append(taken->text, sizeof(taken->text), "!");
    else
        assert_int_equal(framing_rest(&taken->framing, &message), 0);
    free(taken->framing.buf);
}

/* TEXT yields EXPECTED, split in two at any point, and byte by byte. */
static void gives(const char *text, const char *expected)
{
    size_t len = strlen(text);
    struct taken taken;

    for (size_t split = 0; split <= len; split++) {
        begin(&taken);
        feed(&taken, text, split);
        feed(&taken, text + split, len - split);
        finish(&taken);
        assert_string_equal(taken.text, expected);
    }
    begin(&taken);
    for (size_t i = 0; i < len; i++)
        feed(&taken, text + i, 1);
    finish(&taken);
    assert_string_equal(taken.text, expected);
}

static void test_lf_and_crlf_end_messages(void **state)
{
    (void)state;
    gives("a\nbc\r\ndef\n", "a|bc|def|");
    gives("a\rb\n", "a\rb|");
    gives("a\r\r\n", "a\r|");
}

static void test_empty_messages(void **state)
{
    (void)state;
    gives("", "");
    gives("\n", "|");
    gives("\r\n\n", "||");
    gives("\n\n\na\n\n", "|||a||");
}

static void test_longest_message(void **state)
{
    (void)state;
    gives("abcd\nabcd\r\nabcd", "abcd|abcd|+abcd|");
    gives("abc\r\r\n", "abc\r|");
}

static void test_too_long_message(void **state)
{
    (void)state;
    gives("abcde\n", "!");
    gives("abcde\r\n", "!");
    gives("abcde", "!");
    gives("abcd\r\r\n", "!");
    gives("abcd\rx", "!");
    gives("a\nabcdef\nb\n", "a|!");
}

static void test_end_of_the_stream_ends_the_rest(void **state)
{
    (void)state;
    gives("a\nb", "a|+b|");
    gives("a", "+a|");
    gives("a\n", "a|");
}

static void test_nul_bytes_are_data(void **state)
{
    struct taken taken;
    struct message message;
    size_t size;

    (void)state;
    begin(&taken);
    memcpy(framing_room(&taken.framing, &size), "a\0b\n", 4);
    framing_filled(&taken.framing, 4);
    assert_int_equal(framing_next(&taken.framing, &message), 1);
    assert_int_equal(message.len, 3);
    assert_memory_equal(message.data, "a\0b", 3);
    finish(&taken);
}

static void test_too_long_is_reported_again(void **state)
{
    struct taken taken;
    struct message message;

    (void)state;
    begin(&taken);
    feed(&taken, "abcdef", 6);
    assert_int_equal(framing_next(&taken.framing, &message), -EMSGSIZE);
    finish(&taken);
}

static void test_room_is_all_that_is_free(void **state)
{
    struct taken taken;
    size_t size = 0;

    (void)state;
    begin(&taken);
    framing_room(&taken.framing, &size);
    assert_int_equal(size, MAX + FRAMING_EXTRA);
    feed(&taken, "a\nbc", 4);
    framing_room(&taken.framing, &size);
    assert_int_equal(size, MAX + FRAMING_EXTRA - 2);
    finish(&taken);
    assert_string_equal(taken.text, "a|+bc|");
}

static void whole(const char *text, size_t max, int expected, size_t len)
{
    struct message message;

    assert_int_equal(framing_whole(text, strlen(text), max, &message), expected);
    assert_ptr_equal(message.data, text);
    assert_int_equal(message.len, len);
}

static void test_what_comes_by_itself(void **state)
{
    (void)state;
    whole("", 5, 0, 0);
    whole("\n", 5, 0, 0);
    whole("\r\n", 5, 0, 0);
    whole("\r", 5, 0, 1);
    whole("hello", 5, 0, 5);
    whole("hello\n", 5, 0, 5);
    whole("hello\r\n", 5, 0, 5);
    whole("a\nb\n\n", 5, 0, 4);
    whole("hello!", 5, -EMSGSIZE, 6);
    whole("hello\n\n", 5, -EMSGSIZE, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lf_and_crlf_end_messages),
        cmocka_unit_test(test_empty_messages),
        cmocka_unit_test(test_longest_message),
        cmocka_unit_test(test_too_long_message),
        cmocka_unit_test(test_end_of_the_stream_ends_the_rest),
        cmocka_unit_test(test_nul_bytes_are_data),
        cmocka_unit_test(test_too_long_is_reported_again),
        cmocka_unit_test(test_room_is_all_that_is_free),
        cmocka_unit_test(test_what_comes_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
