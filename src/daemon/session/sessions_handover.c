#include "daemon/session/sessions_handover.h"

#include "daemon/session/slots_handover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void sessions_save_slots(const struct sessions *sessions, struct handover *handover)
{
    slots_save(&sessions->slots, "slots", handover);
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

void sessions_save_counters(const struct sessions *sessions, struct handover *handover)
{
    struct counters *counters = sessions->counters;

    for (size_t t = 0; t < counter_count; t++)
        fprintf(handover->to, "total %s %llu\n", counter_table[t].name,
                (unsigned long long)*counter_of(counters, &counter_table[t]));
    histograms_write(&counters->sessions, handover->to);
}

int sessions_restore_slots(struct sessions *sessions, const struct server_settings *limits,
                           const char *line)
{
    struct saved_slots saved;

    if (saved_slots_read(&saved, line) < 0 || sessions->roster.clients)
        return -EPROTO;
    size_t count = saved_slots_needed(&saved, limits);
    handover_take(saved.memory);
    int r = roster_open(&sessions->roster, count, &limits->source_prefix);
    return r < 0 ? r : slots_adopt(&sessions->slots, saved.memory, count);
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
        job_index(job) < sessions->roster.used_clients || job_index(job) >= sessions->roster.max ||
        address_from_hex(&client.peer, peer) < 0 || address_from_hex(&client.proxy, proxy) < 0)
        return -EPROTO;
    client.job = job;
    client.standing = (enum standing)standing;
    client.pid = pid;
    client.end_requested = asked;
    client.since = since;
    memcpy(client.listener, listener, sizeof(listener));
    roster_restore(&sessions->roster, job_index(job), &client);
    return 0;
}

/* A counter that this version does not have is ignored. */
static int restore_total(struct counters *counters, const char *line)
{
    unsigned long long count;
    char name[32];

    if (sscanf(line, "total %31s %llu", name, &count) != 2)
        return -EPROTO;
    for (size_t i = 0; i < counter_count; i++)
        if (strcmp(counter_table[i].name, name) == 0)
            *counter_of(counters, &counter_table[i]) += count;
    return 0;
}

int sessions_restore_counter(struct sessions *sessions, const char *line)
{
    return handover_is(line, "total ") ? restore_total(sessions->counters, line)
                                       : histograms_read(&sessions->counters->sessions, line);
}
