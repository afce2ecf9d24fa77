#include "daemon/session/roster.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns the head in HEADS of the hash chain for the SIZE bytes at KEY. */
static uint32_t *chain(const struct roster *roster, uint32_t *heads, const void *key, size_t size)
{
    return &heads[hash_bytes(&roster->seed, key, size) & (roster->buckets - 1)];
}

static uint32_t *pid_chain(const struct roster *roster, pid_t pid)
{
    return chain(roster, roster->by_pid, &pid, sizeof(pid));
}

static uint32_t *key_chain(const struct roster *roster, const struct source_key *key)
{
    return chain(roster, roster->by_key, key, sizeof(*key));
}

int roster_open(struct roster *roster, size_t max, const struct source_prefix *prefix)
{
    *roster = (struct roster){.max = max, .buckets = 1, .prefix = *prefix, .seed = hash_seed_new()};
    while (roster->buckets < max)
        roster->buckets *= 2;
    roster->clients = calloc(max, sizeof(*roster->clients));
    roster->sources = calloc(max, sizeof(*roster->sources));
    roster->by_pid = calloc(roster->buckets, sizeof(*roster->by_pid));
    roster->by_key = calloc(roster->buckets, sizeof(*roster->by_key));
    roster->awaiting = calloc(max, sizeof(*roster->awaiting));
    bool room = roster->clients && roster->sources && roster->by_pid && roster->by_key;
    return room && roster->awaiting ? 0 : -ENOMEM;
}

void roster_close(struct roster *roster)
{
    free(roster->clients);
    free(roster->sources);
    free(roster->by_pid);
    free(roster->by_key);
    free(roster->awaiting);
    *roster = (struct roster){0};
}

/* ---- sources ---- */

static struct source *source_numbered(const struct roster *roster, uint32_t number)
{
    return &roster->sources[number - 1];
}

static uint32_t find_source(const struct roster *roster, const struct source_key *key)
{
    uint32_t n = *key_chain(roster, key);

    while (n && memcmp(&source_numbered(roster, n)->key, key, sizeof(*key)) != 0)
        n = source_numbered(roster, n)->next;
    return n;
}

static uint32_t new_source(struct roster *roster, const struct source_key *key)
{
    uint32_t n = roster->free_source, *head = key_chain(roster, key);

    if (n)
        roster->free_source = source_numbered(roster, n)->next;
    else
        n = ++roster->used_sources;
    *source_numbered(roster, n) = (struct source){.key = *key, .next = *head};
    *head = n;
    return n;
}

static uint32_t enter_source(struct roster *roster, const struct source_key *key)
{
    uint32_t n = find_source(roster, key);

    if (!n)
        n = new_source(roster, key);
    source_numbered(roster, n)->live++;
    return n;
}

static void leave_source(struct roster *roster, uint32_t number)
{
    struct source *source = source_numbered(roster, number);
    uint32_t *link = key_chain(roster, &source->key);

    if (--source->live > 0)
        return;
    while (*link != number)
        link = &source_numbered(roster, *link)->next;
    *link = source->next;
    source->next = roster->free_source;
    roster->free_source = number;
}

size_t roster_count(const struct roster *roster, const struct address *peer)
{
    struct source_key key = address_source(peer, &roster->prefix);
    uint32_t n = find_source(roster, &key);

    return n ? source_numbered(roster, n)->live : 0;
}

/* ---- clients ---- */

static struct client *client_numbered(const struct roster *roster, uint32_t number)
{
    return &roster->clients[number - 1];
}

size_t roster_next(const struct roster *roster)
{
    return roster->free_client ? roster->free_client - 1 : roster->used_clients;
}

static void await(struct roster *roster, struct client *client)
{
    roster->awaiting[roster->awaited++] = (uint32_t)(client - roster->clients) + 1;
    client->awaited = roster->awaited;
}

/* Removes CLIENT from the array of waiting clients, and moves the last one to its place. */
static void remove_awaiting(struct roster *roster, struct client *client)
{
    if (client->awaited == 0)
        return;
    uint32_t last = roster->awaiting[--roster->awaited];
    roster->awaiting[client->awaited - 1] = last;
    client_numbered(roster, last)->awaited = client->awaited;
    client->awaited = 0;
}

void roster_admit(struct roster *roster, struct client *client)
{
    struct source_key key = address_source(&client->peer, &roster->prefix);

    remove_awaiting(roster, client);
    client->standing = CLIENT_ADMITTED;
    client->source = enter_source(roster, &key);
}

void roster_refuse(struct roster *roster, struct client *client)
{
    remove_awaiting(roster, client);
    client->standing = CLIENT_REFUSED;
}

static void link_pid(struct roster *roster, struct client *client)
{
    uint32_t *head = pid_chain(roster, client->pid);

    client->next = *head;
    *head = (uint32_t)(client - roster->clients) + 1;
}

static void unlink_pid(struct roster *roster, const struct client *client)
{
    uint32_t number = (uint32_t)(client - roster->clients) + 1;
    uint32_t *link = pid_chain(roster, client->pid);

    while (*link != number)
        link = &client_numbered(roster, *link)->next;
    *link = client->next;
}

/* Copies CLIENT to the free entry NUMBER, and adds it to the chains. Returns the entry. */
static struct client *enter(struct roster *roster, uint32_t number, const struct client *client)
{
    struct client *entry = client_numbered(roster, number);

    *entry = *client;
    entry->source = 0;
    entry->awaited = 0;
    if (client->standing == CLIENT_ADMITTED)
        roster_admit(roster, entry);
    else if (client->standing == CLIENT_AWAITED)
        await(roster, entry);
    if (client->pid > 0)
        link_pid(roster, entry);
    roster->live++;
    return entry;
}

struct client *roster_add(struct roster *roster, uint64_t job, const struct address *peer,
                          const struct listen_settings *listen)
{
    uint32_t number = (uint32_t)roster_next(roster) + 1;
    bool proxied = listen->proxy_protocol != PROXY_NO;
    struct client client = {.job = job,
                            .peer = *peer,
                            .standing = proxied ? CLIENT_AWAITED : CLIENT_ADMITTED,
                            .service = listen->service,
                            .since = clock_now()};

    snprintf(client.listener, sizeof(client.listener), "%s", listen->name);
    if (number == roster->free_client)
        roster->free_client = client_numbered(roster, number)->next;
    else
        roster->used_clients = number;
    return enter(roster, number, &client);
}

struct client *roster_at(const struct roster *roster, size_t index, uint64_t job)
{
    bool there = index < roster->used_clients && job != 0 && roster->clients[index].job == job;

    return there ? &roster->clients[index] : NULL;
}

void roster_started(struct roster *roster, struct client *client, pid_t pid)
{
    client->pid = pid;
    link_pid(roster, client);
}

void roster_restore(struct roster *roster, size_t index, const struct client *client)
{
    uint32_t number = (uint32_t)index + 1;

    while (roster->used_clients + 1 < number) {
        client_numbered(roster, ++roster->used_clients)->next = roster->free_client;
        roster->free_client = roster->used_clients;
    }
    roster->used_clients = number;
    enter(roster, number, client);
}

struct client *roster_find(const struct roster *roster, pid_t pid)
{
    for (uint32_t n = *pid_chain(roster, pid); n; n = client_numbered(roster, n)->next)
        if (client_numbered(roster, n)->pid == pid)
            return client_numbered(roster, n);
    return NULL;
}

void roster_remove(struct roster *roster, struct client *client)
{
    if (client->pid > 0)
        unlink_pid(roster, client);
    if (client->source)
        leave_source(roster, client->source);
    remove_awaiting(roster, client);
    client->job = 0;
    client->pid = 0;
    client->next = roster->free_client;
    roster->free_client = (uint32_t)(client - roster->clients) + 1;
    roster->live--;
}
