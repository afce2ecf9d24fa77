#include "daemon/roster.h"

#include "base/span.h"
#include "base/util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NONE UINT32_MAX

static uint64_t random_seed(void)
{
    uint64_t seed;

    return getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed) ? seed : clock_now();
}

/* The finalizer of MurmurHash3: every bit of VALUE changes every bit of the result. */
static size_t bucket_of(const struct roster *roster, uint64_t value)
{
    value ^= roster->seed;
    value = (value ^ value >> 33) * UINT64_C(0xff51afd7ed558ccd);
    value = (value ^ value >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (value ^ value >> 33) & (roster->buckets - 1);
}

static uint32_t *pid_chain(const struct roster *roster, pid_t pid)
{
    return &roster->by_pid[bucket_of(roster, (uint64_t)pid)];
}

static uint32_t *key_chain(const struct roster *roster, const struct source_key *key)
{
    uint64_t value;

    memcpy(&value, key->bytes, sizeof(value));
    return &roster->by_key[bucket_of(roster, value + key->family)];
}

void roster_open(struct roster *roster, size_t max)
{
    *roster = (struct roster){.max = max, .buckets = 1, .seed = random_seed()};
    while (roster->buckets < max)
        roster->buckets *= 2;
    roster->clients = memory_zeroed(max, sizeof(*roster->clients));
    roster->sources = memory_zeroed(max, sizeof(*roster->sources));
    roster->by_pid = memory_zeroed(roster->buckets, sizeof(*roster->by_pid));
    roster->by_key = memory_zeroed(roster->buckets, sizeof(*roster->by_key));
    for (size_t i = 0; i < roster->buckets; i++)
        roster->by_pid[i] = roster->by_key[i] = NONE;
    for (size_t i = 0; i < max; i++)
        roster->clients[i].next = roster->sources[i].next = i + 1 < max ? (uint32_t)i + 1 : NONE;
}

void roster_close(struct roster *roster)
{
    free(roster->clients);
    free(roster->sources);
    free(roster->by_pid);
    free(roster->by_key);
    *roster = (struct roster){0};
}

size_t roster_next(const struct roster *roster)
{
    return roster->free_client;
}

static uint32_t find_source(const struct roster *roster, const struct source_key *key)
{
    uint32_t i = *key_chain(roster, key);

    while (i != NONE && memcmp(&roster->sources[i].key, key, sizeof(*key)) != 0)
        i = roster->sources[i].next;
    return i;
}

static uint32_t enter_source(struct roster *roster, const struct source_key *key)
{
    uint32_t i = find_source(roster, key), *head = key_chain(roster, key);

    if (i == NONE) {
        i = roster->free_source;
        roster->free_source = roster->sources[i].next;
        roster->sources[i] = (struct source){.key = *key, .next = *head};
        *head = i;
    }
    roster->sources[i].live++;
    return i;
}

static void leave_source(struct roster *roster, uint32_t index)
{
    struct source *source = &roster->sources[index];
    uint32_t *link = key_chain(roster, &source->key);

    if (--source->live > 0)
        return;
    while (*link != index)
        link = &roster->sources[*link].next;
    *link = source->next;
    source->next = roster->free_source;
    roster->free_source = index;
}

void roster_add(struct roster *roster, pid_t pid, const struct address *peer,
                const struct listen_settings *listen)
{
    uint32_t index = roster->free_client, *head = pid_chain(roster, pid);
    struct client *client = &roster->clients[index];
    struct source_key key = address_source(peer);

    roster->free_client = client->next;
    *client = (struct client){.pid = pid,
                              .peer = *peer,
                              .listen = listen,
                              .since = clock_now(),
                              .source = enter_source(roster, &key),
                              .next = *head};
    *head = index;
    roster->live++;
}

struct client *roster_find(const struct roster *roster, pid_t pid)
{
    for (uint32_t i = *pid_chain(roster, pid); i != NONE; i = roster->clients[i].next)
        if (roster->clients[i].pid == pid)
            return &roster->clients[i];
    return NULL;
}

void roster_remove(struct roster *roster, struct client *client)
{
    uint32_t index = (uint32_t)(client - roster->clients);
    uint32_t *link = pid_chain(roster, client->pid);

    while (*link != index)
        link = &roster->clients[*link].next;
    *link = client->next;
    leave_source(roster, client->source);
    client->pid = 0;
    client->next = roster->free_client;
    roster->free_client = index;
    roster->live--;
}

size_t roster_count(const struct roster *roster, const struct address *peer)
{
    struct source_key key = address_source(peer);
    uint32_t i = find_source(roster, &key);

    return i == NONE ? 0 : roster->sources[i].live;
}
