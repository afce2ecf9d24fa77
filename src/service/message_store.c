#include "service/message_store.h"

#include "base/clock.h"
#include "base/escape.h"
#include "log/record.h"
#include "ipc/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* How long to wait for a message to be stored, before the client is told that it was not. */
#define STORE_TIMEOUT (30 * USEC_PER_SEC)
#define FIELDS_SIZE 2048

#define FAILED "ERR the message could not be stored\n"
const struct text message_store_failed = {.data = (char *)FAILED, .len = sizeof(FAILED) - 1};

/* Adds a newline to the reply, unless it is empty. */
static int prepare_reply(struct message_store *storing)
{
    const struct text *reply = &storing->options->reply;

    if (reply->len == 0)
        return 0;
    storing->reply.data = malloc(reply->len + 1);
    if (!storing->reply.data)
        return -ENOMEM;
    memcpy(storing->reply.data, reply->data, reply->len);
    storing->reply.data[reply->len] = '\n';
    storing->reply.len = reply->len + 1;
    return 0;
}

int message_store_open(struct message_store *storing, const struct service_options *options,
                       struct store *store, int socket)
{
    *storing =
        (struct message_store){.options = options,
                               .store = store,
                               .socket = socket,
                               .record_size = ESCAPED_SIZE(options->max_message) + FIELDS_SIZE};
    storing->record = malloc(storing->record_size);
    int len = asprintf(&storing->too_long.data, "ERR a message has at most %llu byte%s\n",
                       (unsigned long long)options->max_message, plural(options->max_message));
    if (len < 0)
        storing->too_long.data = NULL;
    storing->too_long.len = (size_t)len;
    bool room = storing->record && storing->too_long.data;
    return room ? prepare_reply(storing) : -ENOMEM;
}

void message_store_close(struct message_store *storing)
{
    free(storing->record);
    free(storing->reply.data);
    free(storing->too_long.data);
    *storing = (struct message_store){.store = NULL};
}

int message_store_put(struct message_store *storing, const struct message *message,
                      const struct address *peer, const struct address *proxy)
{
    const char *listener = storing->options->listener;
    char text[ADDRESS_TEXT_MAX], other[ADDRESS_TEXT_MAX];
    struct record record;

    address_format_by(storing->socket, peer, text, sizeof(text));
    record_start(&record, storing->record, storing->record_size, LOG_INFO, "%s on %s: ", text,
                 listener);
    record_append(&record, message->data, message->len, "\t");
    record_add(&record, "ECHOD_PEER", "%s", text);
    if (proxy && proxy->len > 0)
        record_add(&record, "ECHOD_PROXY", "%s",
                   address_format_by(storing->socket, proxy, other, sizeof(other)));
    record_add(&record, "ECHOD_LISTENER", "%s", listener);
    record_add(&record, "ECHOD_SIZE", "%zu", message->len);
    return store_record(storing->store, &record, STORE_TIMEOUT);
}
