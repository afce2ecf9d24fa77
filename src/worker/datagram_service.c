#include "worker/datagram_service.h"

#include <stddef.h>

int datagram_service_open(struct datagram_service *service, const struct worker *worker)
{
    const struct service_options *options = &worker->job->options;
    bool messages = options->service == SERVICE_MESSAGE;

    *service = (struct datagram_service){.worker = worker, .store = {.fd = worker->store}};
    service->answers = messages ? options->reply.len > 0 : options->service != SERVICE_DISCARD;
    /* Storing a message may take a while, and must not delay the others of a batch. */
    service->at_once = messages ? 1 : BATCH_SIZE;
    if (!messages)
        return 0;
    return message_store_open(&service->storing, options, &service->store, worker->socket);
}

static bool has_name(const struct address *peer)
{
    return address_is_ip(peer) || peer->len > offsetof(struct sockaddr_un, sun_path);
}

/* Replies with TEXT if the sender has an address. */
static enum datagram_counter answer(const struct datagram_service *service,
                                    struct datagram *datagram, const struct text *text)
{
    if (!service->answers)
        return DATAGRAM_COUNTERS;
    if (!has_name(&datagram->peer))
        return COUNTER_UNNAMED;
    datagram->answer = *text;
    datagram->answered = true;
    return DATAGRAM_COUNTERS;
}

static enum datagram_counter echo(const struct datagram_service *service, struct datagram *datagram)
{
    if (datagram->len > BATCH_BUFFER)
        return COUNTER_TOO_LONG;
    return answer(service, datagram,
                  &(struct text){.data = (char *)datagram->data, .len = datagram->len});
}

static enum datagram_counter take_message(struct datagram_service *service,
                                          struct datagram *datagram, const struct address *peer)
{
    struct message_store *storing = &service->storing;
    struct slot *slot = service->worker->slot;
    struct message message;

    if (datagram->len > BATCH_BUFFER ||
        framing_whole(datagram->data, datagram->len, service->worker->job->options.max_message,
                      &message) < 0) {
        answer(service, datagram, &storing->too_long);
        return COUNTER_TOO_LONG;
    }
    int r = message_store_put(storing, &message, peer, NULL);
    if (r < 0) {
        atomic_store(&slot->error, -r);
        answer(service, datagram, &message_store_failed);
        return COUNTER_NOT_STORED;
    }
    slot_count(&slot->counter[COUNTER_MESSAGES], 1);
    return answer(service, datagram, &storing->reply);
}

static enum datagram_counter reply_with_time(struct datagram_service *service,
                                             struct datagram *datagram)
{
    size_t len = daytime_format(service->daytime, sizeof(service->daytime));

    return answer(service, datagram, &(struct text){.data = service->daytime, .len = len});
}

enum datagram_counter datagram_serve(struct datagram_service *service, struct datagram *datagram,
                                     const struct address *peer)
{
    switch ((enum service)service->worker->job->options.service) {
    case SERVICE_ECHO:
        return echo(service, datagram);
    case SERVICE_MESSAGE:
        return take_message(service, datagram, peer);
    case SERVICE_DAYTIME:
        return reply_with_time(service, datagram);
    case SERVICE_DISCARD:
    case SERVICE_CHARGEN: /* validate.c rejects these for datagram listeners */
    case SERVICE_WHOAMI:
        break;
    }
    return DATAGRAM_COUNTERS;
}
