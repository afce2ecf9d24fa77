/*
 * Replies to echoc from a server that may send anything: each byte gets exactly one verdict, and
 * each verdict refers to data within what was received.
 *
 * The first byte chooses stream or packets, the second the number of probes, the third their size.
 * The rest describes pieces of the reply: literal bytes, or bytes of the probes.
 */
#include "client/probe/probe_stream.h"

#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#define PROBES_MAX 8
#define LARGEST 255

struct fixture {
    int server;
    struct probe_window window;
    struct probe_stream stream;
    uint8_t probes[PROBES_MAX * LARGEST];
    size_t probed;       /* bytes of the probes */
    size_t given, taken; /* bytes that came back, and bytes with a verdict */
};

static void take(void *context, const struct reply *reply)
{
    struct fixture *f = context;

    f->taken += reply->len;
    fuzz_check(reply->verdict < REPLY_VERDICTS && reply->data);
    uint8_t *copy = fuzz_copy(reply->data, reply->len);
    free(copy);
    if (reply->verdict == REPLY_STRAY)
        return;
    fuzz_check(reply->size > 0 && reply->size <= LARGEST);
    fuzz_check(reply->seq >= 1 && reply->seq < f->window.next);
    if (reply->verdict == REPLY_TRUNCATED)
        fuzz_check(reply->len < reply->size);
    else if (reply->verdict == REPLY_CORRUPTED)
        fuzz_check(reply->at < reply->len &&
                   reply->got == ((const uint8_t *)reply->data)[reply->at]);
    else
        fuzz_check(reply->len == reply->size);
}

static void start(struct fixture *f, int type)
{
    int pair[2];

    fuzz_check(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    *f = (struct fixture){.server = pair[0]};
    probe_window_init(&f->window, PROBES_MAX);
    f->stream = (struct probe_stream){.fd = pair[1],
                                      .type = type,
                                      .run = 0x01020304,
                                      .window = &f->window,
                                      .take = take,
                                      .context = f};
}

static void send_probes(struct fixture *f, size_t count, uint32_t size)
{
    for (size_t i = 0; i < count; i++) {
        fuzz_check(probe_stream_send(&f->stream, size) == 0 && !probe_stream_pending(&f->stream));
        fuzz_check(recv(f->server, f->probes + f->probed, size, 0) == (ssize_t)size);
        f->probed += size;
    }
}

static void answer(struct fixture *f, const void *data, size_t len)
{
    if (len == 0)
        return;
    fuzz_check(send(f->server, data, len, 0) == (ssize_t)len);
    f->given += len;
    fuzz_check(probe_stream_receive(&f->stream) == 0);
    fuzz_check(f->taken <= f->given);
}

/* Sends the next piece of the reply. Its first byte is its kind and length. */
static void answer_some(struct fixture *f, const uint8_t **data, size_t *size)
{
    uint8_t kind = fuzz_choice(data, size);
    size_t len = kind & 0x7f;

    if (kind & 0x80 && f->probed > 0) { /* bytes of the probes, from any offset */
        size_t from = (size_t)fuzz_choice(data, size) * 7 % f->probed;
        answer(f, f->probes + from, len < f->probed - from ? len : f->probed - from);
        return;
    }
    len = len < *size ? len : *size;
    answer(f, *data, len);
    *data += len;
    *size -= len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture f;
    bool stream = fuzz_choice(&data, &size) % 2 == 0;

    start(&f, stream ? SOCK_STREAM : SOCK_DGRAM);
    size_t count = fuzz_choice(&data, &size) % (PROBES_MAX + 1);
    send_probes(&f, count, 1U + fuzz_choice(&data, &size) % LARGEST);
    while (size > 0)
        answer_some(&f, &data, &size);
    probe_stream_conclude(&f.stream);
    fuzz_check(f.taken == f.given);
    probe_stream_free(&f.stream);
    probe_window_free(&f.window);
    close(f.server);
    close(f.stream.fd);
    return 0;
}
