#include "service/service.h"

#include "service/framing.h"
#include "service/message_store.h"

#include <errno.h>
#include <stdlib.h>

struct taking {
    struct stream *stream;
    const struct session *session;
    struct framing framing;
    struct message_store storing;
    uint64_t taken; /* messages */
};

static int say(struct stream *stream, const struct text *text)
{
    return stream_send(stream, text->data, text->len);
}

/* Stores MESSAGE and replies. Returns 0 to continue, an enum end, or -errno. */
static int take(struct taking *taking, const struct message *message)
{
    const struct session *session = taking->session;
    int r = message_store_put(&taking->storing, message, &session->peer, &session->proxy);

    if (r < 0) {
        atomic_store(&session->slot->error, -r);
        say(taking->stream, &message_store_failed);
        return END_NOT_STORED;
    }
    slot_count(&session->slot->messages, 1);
    taking->taken++;
    r = say(taking->stream, &taking->storing.reply);
    if (r == 0 && session->options->max_messages > 0 &&
        taking->taken >= session->options->max_messages)
        return END_DONE;
    return r;
}

static int refuse_long(struct taking *taking)
{
    say(taking->stream, &taking->storing.too_long);
    return END_TOO_LONG;
}

/*
 * The session ends for the reason R after a part of a message was received. It is not stored,
 * because it may be incomplete. Returns the enum end for R.
 */
static int refuse_unfinished(struct taking *taking, int r)
{
    static const char words[] = "ERR the message did not end in time and was not stored\n";

    stream_send_final(taking->stream, words, sizeof(words) - 1);
    return r == -ESHUTDOWN ? END_STOPPED : r == -ETIME ? END_SESSION : END_IDLE;
}

static bool is_ours(ssize_t error)
{
    return error == -ESHUTDOWN || error == -ETIME || error == STREAM_IDLE;
}

/* Stores the complete messages in the buffer. Returns as take() does. */
static int take_all(struct taking *taking)
{
    struct message message;
    int r;

    while ((r = framing_next(&taking->framing, &message)) > 0) {
        r = take(taking, &message);
        if (r != 0)
            return r;
    }
    return r == -EMSGSIZE ? refuse_long(taking) : r;
}

/* Stores what was received after the last newline, if anything, as a message. */
static int take_rest(struct taking *taking)
{
    struct message message;

    return framing_rest(&taking->framing, &message) ? take(taking, &message) : 0;
}

static int take_until_end(struct taking *taking)
{
    uint64_t pause = taking->session->options->message_pause;

    for (;;) {
        size_t size;
        char *room = framing_room(&taking->framing, &size);
        taking->stream->unfinished = taking->framing.used > 0;
        ssize_t n = stream_receive(taking->stream, room, size, taking->framing.used ? pause : 0);
        if (is_ours(n) && taking->framing.used > 0)
            return refuse_unfinished(taking, (int)n);
        if (n < 0 && n != -EAGAIN)
            return (int)n;
        if (n > 0)
            framing_filled(&taking->framing, (size_t)n);
        int r = n > 0 ? take_all(taking) : take_rest(taking);
        if (r != 0 || n == 0)
            return r;
    }
}

/* On a packet socket, each packet is a message. */
static int take_packets(struct taking *taking)
{
    struct message message;

    for (;;) {
        size_t size;
        char *room = framing_room(&taking->framing, &size);
        ssize_t n = stream_receive(taking->stream, room, size, 0);
        if (n == -EMSGSIZE)
            return refuse_long(taking);
        if (n <= 0)
            return (int)n;
        int r = framing_whole(room, (size_t)n, taking->framing.max, &message);
        r = r < 0 ? refuse_long(taking) : take(taking, &message);
        if (r != 0)
            return r;
    }
}

int serve_message(struct stream *stream, const struct session *session)
{
    size_t max = session->options->max_message;
    struct taking taking = {
        .stream = stream,
        .session = session,
        .framing = {.buf = malloc(max + FRAMING_EXTRA), .max = max},
    };
    int r = message_store_open(&taking.storing, session->options, session->store, stream->fd);

    if (!taking.framing.buf)
        r = -ENOMEM;
    if (r == 0)
        r = stream->packets ? take_packets(&taking) : take_until_end(&taking);
    free(taking.framing.buf);
    message_store_close(&taking.storing);
    return r;
}
