#include "base/escape.h"

#include "base/macros.h"
#include "unit.h"

struct sample {
    const char *bytes;
    size_t len;
    const char *escaped;
};
#define SAMPLE(bytes, escaped)                                                                     \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, escaped                                                          \
    }

/* Copies the bytes to memory of their exact size, so that a sanitizer sees reads beyond the end. */
static void escapes(const struct sample *sample, const char *keep)
{
    char *bytes = malloc(sample->len ? sample->len : 1), *buf = malloc(ESCAPED_SIZE(sample->len));

    memcpy(bytes, sample->bytes, sample->len);
    assert_int_equal(escape_bytes(buf, bytes, sample->len, keep), strlen(sample->escaped));
    assert_string_equal(buf, sample->escaped);
    free(bytes);
    free(buf);
}

static void all_escape(const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        escapes(&samples[i], NULL);
}

static void test_text_stays(void **state)
{
    static const struct sample samples[] = {
        SAMPLE("", ""),
        SAMPLE("Hello, world! ~", "Hello, world! ~"),
        SAMPLE("\xc2\xa0\xc3\xa4\xdf\xbf", "\xc2\xa0\xc3\xa4\xdf\xbf"), /* 2 bytes */
        SAMPLE("\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbd", "\xe0\xa0\x80\xe2\x82\xac\xef\xbf\xbd"),
        SAMPLE("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"), /* around the surrogates */
        SAMPLE("\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf",
               "\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"), /* 4 bytes, U+10FFFF last */
    };

    (void)state;
    all_escape(samples, ARRAY_SIZE(samples));
}

static void test_controls(void **state)
{
    static const struct sample samples[] = {
        SAMPLE("\0\x01\t\n\r\x1b\x1f", "\\x00\\x01\\x09\\x0a\\x0d\\x1b\\x1f"),
        SAMPLE("\x7f", "\\x7f"),
        SAMPLE("\xc2\x80\xc2\x9b\xc2\x9f", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f"), /* C1 */
        SAMPLE("\x9b", "\\x9b"),
        SAMPLE("\\", "\\\\"),
        SAMPLE("\\x41", "\\\\x41"),
    };

    (void)state;
    all_escape(samples, ARRAY_SIZE(samples));
}

static void test_what_moves_the_text_about(void **state)
{
    static const struct sample samples[] = {
        SAMPLE("\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"), /* U+2028, U+2029 */
        SAMPLE("\xe2\x80\xaa", "\\xe2\\x80\\xaa"),                            /* U+202A to */
        SAMPLE("\xe2\x80\xae", "\\xe2\\x80\\xae"),                            /* U+202E */
        SAMPLE("\xe2\x81\xa6", "\\xe2\\x81\\xa6"),                            /* U+2066 to */
        SAMPLE("\xe2\x81\xa9", "\\xe2\\x81\\xa9"),                            /* U+2069 */
        SAMPLE("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
               "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"), /* their neighbours */
        SAMPLE("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f",
               "\\xd8\\x9c\\xe2\\x80\\x8e\\xe2\\x80\\x8f"), /* U+061C, U+200E, U+200F */
        SAMPLE("\xd8\x9b\xd8\x9d\xe2\x80\x8d\xe2\x80\x90",
               "\xd8\x9b\xd8\x9d\xe2\x80\x8d\xe2\x80\x90"), /* theirs */
    };

    (void)state;
    all_escape(samples, ARRAY_SIZE(samples));
}

static void test_what_is_no_utf8(void **state)
{
    static const struct sample samples[] = {
        SAMPLE("\x80\xbf", "\\x80\\xbf"),                   /* no leading byte */
        SAMPLE("\xc0\xaf\xc1\xbf", "\\xc0\\xaf\\xc1\\xbf"), /* overlong */
        SAMPLE("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"),
        SAMPLE("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"),
        SAMPLE("\xed\xa0\x80\xed\xbf\xbf", "\\xed\\xa0\\x80\\xed\\xbf\\xbf"), /* surrogates */
        SAMPLE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"),                   /* U+110000 */
        SAMPLE("\xf5\x80\x80\x80\xff\xfe", "\\xf5\\x80\\x80\\x80\\xff\\xfe"),
        SAMPLE("\xc3", "\\xc3"), /* cut off */
        SAMPLE("\xe2\x82", "\\xe2\\x82"),
        SAMPLE("\xf0\x9f\x98", "\\xf0\\x9f\\x98"),
        SAMPLE("\xe2\x82z\xc3z", "\\xe2\\x82z\\xc3z"),
        SAMPLE("\xc3\xc3\xa4", "\\xc3\xc3\xa4"), /* the valid one after it is kept */
    };

    (void)state;
    all_escape(samples, ARRAY_SIZE(samples));
}

static void test_keep(void **state)
{
    static const struct sample tabs = SAMPLE("a\tb\n\\\0", "a\tb\\x0a\\\\\\x00");
    static const struct sample both = SAMPLE("\t\n\\", "\t\n\\");

    (void)state;
    escapes(&tabs, "\t");
    escapes(&both, "\t\n\\");
    escapes(&tabs, "z\t");
}

/* In place, with the same length. */
static void test_disarm(void **state)
{
    char text[] =
        "\tx\\y\n\x1b\x7f\xc2\x9b\x9b\xc3\xa4\xe2\x80\xae\xe2\x80\x8f\xe2\x82\xac\xe2\x82";

    (void)state;
    escape_disarm(text, "\t");
    assert_string_equal(text, "\tx\\y??????\xc3\xa4??????\xe2\x82\xac??");
    escape_disarm(text, NULL);
    assert_int_equal(text[0], '?');
    escape_disarm(text + sizeof(text) - 1, NULL);
    assert_int_equal(text[sizeof(text) - 1], '\0');
}

static void test_escaped_size_is_enough_for_the_worst(void **state)
{
    char bytes[256], buf[ESCAPED_SIZE(sizeof(bytes))];

    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(escape_bytes(buf, bytes, sizeof(bytes), NULL), sizeof(buf) - 1);
    assert_int_equal(buf[sizeof(buf) - 1], '\0');
}

static void unescapes(const char *text, const char *bytes, int len)
{
    char buf[64];

    assert_int_equal(unescape_text(buf, text), len);
    if (len >= 0) {
        assert_memory_equal(buf, bytes, (size_t)len);
        assert_int_equal(buf[len], '\0');
    }
}

static void test_unescape(void **state)
{
    static const char *const bad[] = {"\\",    "a\\",   "\\q", "\\N", "\\x",   "\\x1",
                                      "\\x1g", "\\xg1", "\\0", "\\ ", "\\X41", "a\\x4"};

    (void)state;
    unescapes("", "", 0);
    unescapes("plain", "plain", 5);
    unescapes("\\\\\\n\\r\\t", "\\\n\r\t", 4);
    unescapes("\\x00a\\xfF\\x7F", "\0a\xff\x7f", 4);
    unescapes("\\\\n", "\\n", 2);
    unescapes("\\x414", "A4", 2);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        unescapes(bad[i], NULL, -EINVAL);
}

static void test_unescape_in_place(void **state)
{
    char text[] = "a\\x41\\n\\\\b";

    (void)state;
    assert_int_equal(unescape_text(text, text), 5);
    assert_string_equal(text, "aA\n\\b");
}

static void test_unescape_undoes_escape(void **state)
{
    unsigned char bytes[256];
    char text[ESCAPED_SIZE(sizeof(bytes))];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    escape_bytes(text, bytes, sizeof(bytes), NULL);
    assert_int_equal(unescape_text(text, text), sizeof(bytes));
    assert_memory_equal(text, bytes, sizeof(bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_stays),
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_what_moves_the_text_about),
        cmocka_unit_test(test_what_is_no_utf8),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_disarm),
        cmocka_unit_test(test_escaped_size_is_enough_for_the_worst),
        cmocka_unit_test(test_unescape),
        cmocka_unit_test(test_unescape_in_place),
        cmocka_unit_test(test_unescape_undoes_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
