#include "daemon/session/sessions_handover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static size_t index_of(uint64_t job)
{
    return job & ((1u << SESSION_INDEX_BITS) - 1);
}

void sessions_save_slots(const struct sessions *sessions, struct handover *handover)
{
    fprintf(handover->to, "slots %d %zu\n", sessions->slots.memory, sessions->slots.count);
    handover_add(handover, sessions->slots.memory);
}

static void save_client(const struct client *client, FILE *to)
{
    char peer[ADDRESS_HEX_MAX], proxy[ADDRESS_HEX_MAX];

    fprintf(to, "client %llu %d %u %u %d %llu %u %d %s %s %d %s %u\n",
            (unsigned long long)client->job, (int)client->pid, client->server, client->store,
            client->signal, (unsigned long long)client->since, client->service,
            client->end_requested, client->listener, address_to_hex(&client->peer, peer),
            (int)client->standing, client->proxy.len ? address_to_hex(&client->proxy, proxy) : "-",
            client->peer.user);
}

void sessions_save_clients(const struct sessions *sessions, struct handover *handover)
{
    const struct roster *roster = &sessions->roster;

    for (size_t i = 0; i < roster->used_clients; i++)
        if (roster->clients[i].job)
            save_client(&roster->clients[i], handover->to);
}

int sessions_restore_slots(struct sessions *sessions, const struct server_settings *limits,
                           const char *line)
{
    size_t count;
    int memory;

    if (sscanf(line, "slots %d %zu", &memory, &count) != 2 || sessions->roster.clients ||
        count > SLOTS_MAX)
        return -EPROTO;
    count = count > limits->max_clients ? count : limits->max_clients;
    handover_take(memory);
    int r = roster_open(&sessions->roster, count, &limits->source_prefix);
    return r < 0 ? r : slots_adopt(&sessions->slots, memory, count);
}

int sessions_restore_client(struct sessions *sessions, const char *line)
{
    char listener[LISTENER_NAME_SIZE], peer[ADDRESS_HEX_MAX], proxy[ADDRESS_HEX_MAX] = "";
    unsigned long long job, since;
    struct client client = {0};
    int pid, asked, standing;

    /* An older version has no user, and possibly no proxy, at the end. "-" means none. */
    if (sscanf(line, "client %llu %d %u %u %d %llu %u %d %32s %272s %d %272s %u", &job, &pid,
               &client.server, &client.store, &client.signal, &since, &client.service, &asked,
               listener, peer, &standing, proxy, &client.peer.user) < 11 ||
        index_of(job) < sessions->roster.used_clients || index_of(job) >= sessions->roster.max ||
        address_from_hex(&client.peer, peer) < 0 || address_from_hex(&client.proxy, proxy) < 0)
        return -EPROTO;
    client.job = job;
    client.standing = (enum standing)standing;
    client.pid = pid;
    client.end_requested = asked;
    client.since = since;
    memcpy(client.listener, listener, sizeof(listener));
    roster_restore(&sessions->roster, index_of(job), &client);
    return 0;
}
