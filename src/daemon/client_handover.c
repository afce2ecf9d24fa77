#include "daemon/client_handover.h"

#include "daemon/admission/admit.h"
#include "daemon/supervise/jobs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The bytes of an address in hex; the formats below have 272, one less. */
#define HEX_MAX 273
_Static_assert(HEX_MAX > 2 * sizeof(struct sockaddr_storage), "no room for an address");

static const char *hex_format(const void *data, size_t len, char *buf)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < len; i++)
        sprintf(buf + 2 * i, "%02x", (unsigned)bytes[i]);
    buf[2 * len] = '\0';
    return buf;
}

void client_handover_write(const struct server *server, size_t index, FILE *to)
{
    const struct client *client = &server->sessions.roster.clients[index];
    char peer[HEX_MAX], proxy[HEX_MAX];

    fprintf(to, "client %llu %d %u %u %d %llu %u %d %s %s %d %s %u\n",
            (unsigned long long)client->job, (int)client->pid, client->server, client->store,
            client->signal, (unsigned long long)client->since, client->service, client->asked,
            client->listener, hex_format(&client->peer.storage, client->peer.len, peer),
            (int)client->standing,
            client->proxy.len ? hex_format(&client->proxy.storage, client->proxy.len, proxy) : "-",
            client->peer.user);
}

static int hex_parse(const char *text, struct address *address)
{
    size_t len = strlen(text) / 2;
    unsigned char *bytes = (unsigned char *)&address->storage;

    if (len > sizeof(address->storage))
        return -EPROTO;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return -EPROTO;
        bytes[i] = (unsigned char)byte;
    }
    address->len = (socklen_t)len;
    return 0;
}

/* They come in the order of their places. */
int client_handover_read(const char *line, struct server *server)
{
    char listener[LISTENER_NAME_SIZE], peer[HEX_MAX], proxy[HEX_MAX] = "";
    unsigned long long job, since;
    struct client client = {0};
    int pid, asked, standing;

    /* A version that did not know users ended with the proxy, or without one. "-" is none. */
    if (sscanf(line, "client %llu %d %u %u %d %llu %u %d %32s %272s %d %272s %u", &job, &pid,
               &client.server, &client.store, &client.signal, &since, &client.service, &asked,
               listener, peer, &standing, proxy, &client.peer.user) < 11 ||
        job_index(job) < server->sessions.roster.used_clients ||
        job_index(job) >= server->sessions.roster.max || hex_parse(peer, &client.peer) < 0 ||
        hex_parse(proxy, &client.proxy) < 0)
        return -EPROTO;
    client.job = job;
    client.standing = (enum standing)standing;
    client.pid = pid;
    client.asked = asked;
    client.since = since;
    memcpy(client.listener, listener, sizeof(listener));
    roster_restore(&server->sessions.roster, job_index(job), &client);
    return 0;
}

void client_handover_write_waiting(const struct waiting_list *doorstep, FILE *to)
{
    char peer[HEX_MAX];

    for (size_t i = 0; i < doorstep->count; i++) {
        const struct waiting_client *k = &doorstep->item[i];
        fprintf(to, "waiting %d %d %llu %s %u %s\n", k->client, k->no_room,
                (unsigned long long)k->until, k->listen->name, k->peer.user,
                hex_format(&k->peer.storage, k->peer.len, peer));
    }
}

int client_handover_read_waiting(const char *line, struct server *server)
{
    char listener[LISTENER_NAME_SIZE], peer[HEX_MAX];
    struct waiting_client k = {.client = -1};
    unsigned long long until;
    int no_room;

    if (sscanf(line, "waiting %d %d %llu %32s %u %272s", &k.client, &no_room, &until, listener,
               &k.peer.user, peer) != 6 ||
        server->admission.waiting.count >= WAITING_LIST_MAX || hex_parse(peer, &k.peer) < 0)
        return -EPROTO;
    k.no_room = no_room;
    k.until = until;
    admission_restore(&server->admission, &k, listener);
    return 0;
}
