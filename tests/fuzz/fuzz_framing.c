/*
 * Messages in a stream. The first byte of the input chooses the maximum length of a message, the
 * second the size of the pieces in which the stream arrives, which must not affect the messages.
 */
#include "service/framing.h"

#include "fuzz.h"

#include <errno.h>

/* Writes a message, after its length, to a transcript, which ends with a word for how the stream
 * ended. */
static void note(FILE *to, const void *data, size_t len)
{
    fprintf(to, "%zu:", len);
    fwrite(data, 1, len, to);
    fputc('\n', to);
}

/* Writes the expected transcript of the SIZE bytes at DATA, parsed as a whole. */
static void expect(const uint8_t *data, size_t size, size_t max, FILE *to)
{
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end ? (size_t)(end - data) - at : size - at, next = at + len + 1;
        len -= len > 0 && data[at + len - 1] == '\r';
        if (len > max) {
            fputs("too long\n", to);
            return;
        }
        note(to, data + at, len);
        at = next;
    }
    fputs("end\n", to);
}

/* Writes the complete messages to the transcript. Returns 0 or -EMSGSIZE. */
static int take_messages(struct framing *framing, FILE *to)
{
    struct message message;
    int r;

    while ((r = framing_next(framing, &message)) > 0) {
        fuzz_check(message.len <= framing->max);
        note(to, message.data, message.len);
    }
    return r;
}

/* Receives DATA in pieces of 1 to PIECE bytes, in turn. */
static void receive(const uint8_t *data, size_t size, size_t max, size_t piece, FILE *to)
{
    struct framing framing = {.buf = malloc(max + FRAMING_EXTRA), .max = max};
    struct message message;
    size_t at = 0, room = 0, turn = 0;
    int r = 0;

    fuzz_check(framing.buf);
    while (r == 0 && at < size) {
        char *free_space = framing_room(&framing, &room);
        fuzz_check(room > 0 && free_space + room <= framing.buf + max + FRAMING_EXTRA);
        size_t n = 1 + turn++ * 7 % piece;
        n = n < room ? n : room;
        n = n < size - at ? n : size - at;
        memcpy(free_space, data + at, n);
        at += n;
        framing_filled(&framing, n);
        r = take_messages(&framing, to);
    }
    if (r == 0 && framing_rest(&framing, &message))
        note(to, message.data, message.len);
    fputs(r < 0 ? "too long\n" : "end\n", to);
    fuzz_check(r == 0 || r == -EMSGSIZE);
    free(framing.buf);
}

/* A datagram is one message. If a stream of the same bytes is also one message, and does not end
 * with a CR that could be half of a CR LF, both are equal. STREAM is the stream's transcript. */
static void check_whole(const uint8_t *data, size_t size, size_t max,
                        const struct fuzz_output *stream)
{
    struct message message;
    struct fuzz_output output;
    uint8_t *exact = fuzz_copy(data, size);
    const uint8_t *newline = memchr(data, '\n', size);
    int r = framing_whole((const char *)exact, size, max, &message);

    fuzz_check(r == 0 || r == -EMSGSIZE);
    fuzz_check(r < 0 || (message.data == (const char *)exact && message.len <= max));
    fuzz_check(r < 0 || size - message.len <= 2);
    if (newline ? newline == data + size - 1 : data[size - 1] != '\r') {
        fuzz_output_open(&output);
        if (r == 0)
            note(output.file, message.data, message.len);
        fputs(r < 0 ? "too long\n" : "end\n", output.file);
        char *text = fuzz_output_close(&output);
        fuzz_check(output.size == stream->size && memcmp(text, stream->text, output.size) == 0);
        free(text);
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t max = 1 + fuzz_choice(&data, &size) % 80, piece = 1 + fuzz_choice(&data, &size);
    const size_t pieces[] = {1, piece, 4096};
    struct fuzz_output right, got;

    fuzz_output_open(&right);
    expect(data, size, max, right.file);
    char *expected = fuzz_output_close(&right);
    for (size_t i = 0; i < 3; i++) {
        fuzz_output_open(&got);
        receive(data, size, max, pieces[i], got.file);
        char *text = fuzz_output_close(&got);
        fuzz_check(got.size == right.size);
        fuzz_check(memcmp(text, expected, got.size) == 0);
        free(text);
    }
    if (size > 0)
        check_whole(data, size, max, &right);
    free(expected);
    return 0;
}
