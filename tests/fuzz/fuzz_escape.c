/*
 * Arbitrary bytes escaped for a terminal, a log line and JSON: the result is harmless and can be
 * decoded without loss. The decoder, which the configuration uses for its escapes, is also given
 * the raw input.
 */
#include "base/escape.h"
#include "base/json.h"

#include "fuzz.h"

#include <errno.h>

static void check_json(const char *text)
{
    struct fuzz_output output;

    fuzz_output_open(&output);
    json_string(text, output.file);
    char *json = fuzz_output_close(&output);
    fuzz_check(fuzz_is_json(json));
    fuzz_check(!fuzz_is_utf8(text) || fuzz_is_utf8(json));
    free(json);
}

static void check_bytes(const uint8_t *data, size_t size)
{
    char *safe = malloc(ESCAPED_SIZE(size));

    fuzz_check(safe);
    size_t len = escape_bytes(safe, data, size, NULL);
    fuzz_check(len == strlen(safe) && len < ESCAPED_SIZE(size));
    fuzz_check(fuzz_is_printable(safe) && !strchr(safe, '\n') && !strchr(safe, '\t'));
    check_json(safe);
    fuzz_check(unescape_text(safe, safe) == (int)size && memcmp(safe, data, size) == 0);
    free(safe);
}

static void check_text(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *plain = fuzz_text(data, size);
    int len = unescape_text(plain, text);

    fuzz_check(len == -EINVAL || (len >= 0 && (size_t)len <= strlen(text)));
    if (len >= 0)
        check_bytes((uint8_t *)plain, (size_t)len);
    check_json(text);
    free(text);
    free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        check_bytes(data, size);
    check_text(data, size);
    return 0;
}
