#include "worker/service.h"

#include "base/escape.h"
#include "base/record.h"
#include "base/span.h"
#include "scribe/store.h"
#include "worker/framing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* How long a client waits at most for its message to be stored, before it is told that it was
 * not. */
#define STORE_TIMEOUT (30 * USEC_PER_SEC)
#define FIELDS_SIZE 2048

struct taking {
    struct stream *stream;
    const struct job *job;
    struct framing framing;
    uint64_t taken; /* messages */
    char *escaped;  /* room for the longest one */
    char *record;
    size_t record_size;
};

static int say(struct stream *stream, const char *text)
{
    return stream_send(stream, text, strlen(text));
}

static int store(const struct taking *taking, const struct message *message)
{
    const struct job *job = taking->job;
    char peer[ADDRESS_TEXT_MAX], proxy[ADDRESS_TEXT_MAX];
    struct record record;

    address_format(&job->peer, peer, sizeof(peer));
    escape_bytes(taking->escaped, message->data, message->len, "\t");
    record_start(&record, taking->record, taking->record_size, LOG_INFO,
                 "message from %s on %s: %s", peer, job->listen->name, taking->escaped);
    record_add(&record, "ECHOD_PEER", "%s", peer);
    if (job->proxy.len > 0)
        record_add(&record, "ECHOD_PROXY", "%s", address_format(&job->proxy, proxy, sizeof(proxy)));
    record_add(&record, "ECHOD_LISTENER", "%s", job->listen->name);
    record_add(&record, "ECHOD_SIZE", "%zu", message->len);
    return store_record(job->messages, &record, STORE_TIMEOUT);
}

/* Stores MESSAGE and replies. Returns 0 to go on, an enum end, or -errno. */
static int take(struct taking *taking, const struct message *message)
{
    const struct listen_settings *listen = taking->job->listen;
    int r = store(taking, message);

    if (r < 0) {
        atomic_store(&taking->job->slot->error, -r);
        say(taking->stream, "ERR the message could not be stored\n");
        return END_NOT_STORED;
    }
    slot_count(&taking->job->slot->messages, 1);
    taking->taken++;
    if (listen->reply.len > 0) {
        char *reply = taking->record; /* free again, and larger */
        memcpy(reply, listen->reply.data, listen->reply.len);
        reply[listen->reply.len] = '\n';
        r = stream_send(taking->stream, reply, listen->reply.len + 1);
    }
    if (r == 0 && listen->max_messages > 0 && taking->taken >= listen->max_messages)
        return END_DONE;
    return r;
}

/* Takes the messages that are complete. Returns as take() does. */
static int take_all(struct taking *taking)
{
    struct message message;
    char text[64];
    int r;

    while ((r = framing_next(&taking->framing, &message)) > 0) {
        r = take(taking, &message);
        if (r != 0)
            return r;
    }
    if (r != -EMSGSIZE)
        return r;
    snprintf(text, sizeof(text), "ERR a message has at most %zu bytes\n", taking->framing.max);
    say(taking->stream, text);
    return END_TOO_LONG;
}

/* What has come and is not ended by a newline, if anything, as a message. */
static int take_rest(struct taking *taking)
{
    struct message message;

    return framing_rest(&taking->framing, &message) ? take(taking, &message) : 0;
}

static int take_until_end(struct taking *taking)
{
    uint64_t pause = taking->job->listen->message_pause;

    for (;;) {
        size_t size;
        char *room = framing_room(&taking->framing, &size);
        ssize_t n = stream_receive(taking->stream, room, size, taking->framing.used ? pause : 0);
        if (n < 0 && n != -EAGAIN)
            return (int)n;
        if (n > 0)
            framing_filled(&taking->framing, (size_t)n);
        int r = n > 0 ? take_all(taking) : take_rest(taking);
        if (r != 0 || n == 0)
            return r;
    }
}

int serve_message(struct stream *stream, const struct job *job)
{
    size_t max = job->listen->max_message;
    struct taking taking = {
        .stream = stream,
        .job = job,
        .framing = {.buf = malloc(max + FRAMING_EXTRA), .max = max},
        .escaped = malloc(ESCAPED_SIZE(max + 1)),
        .record_size = ESCAPED_SIZE(max + 1) + FIELDS_SIZE,
    };

    taking.record = malloc(taking.record_size);
    bool room = taking.framing.buf && taking.escaped && taking.record;
    int r = room ? take_until_end(&taking) : -ENOMEM;
    free(taking.framing.buf);
    free(taking.escaped);
    free(taking.record);
    return r;
}
