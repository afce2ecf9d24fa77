#include "daemon/session/sessions.h"

#include <sys/wait.h>

static size_t index_of(const struct sessions *sessions, const struct client *client)
{
    return (size_t)(client - sessions->roster.clients);
}

struct slot *sessions_slot(const struct sessions *sessions, const struct client *client)
{
    return slots_at(&sessions->slots, index_of(sessions, client));
}

struct client *sessions_find(const struct sessions *sessions, pid_t pid)
{
    const struct roster *roster = &sessions->roster;
    struct client *client = pid > 0 ? roster_find(roster, pid) : NULL;

    for (uint32_t i = 0; i < roster->used_clients && pid > 0 && !client; i++)
        if (roster->clients[i].job && roster->clients[i].pid == 0 &&
            slots_at(&sessions->slots, i)->pid == pid)
            client = &roster->clients[i];
    return client;
}

static void count_end(struct counters *counters, const struct client *client,
                      const struct slot *slot, const struct session_end *end)
{
    counters->bytes_in += slot->bytes_in;
    counters->bytes_out += slot->bytes_out;
    counters->messages += slot->messages;
    if (session_crashed(end)) {
        counters->crashed++;
        counters->violations += WIFEXITED(end->status) && WEXITSTATUS(end->status) == END_SANDBOX;
    }
    if (client->standing != CLIENT_ADMITTED)
        return; /* the client was never served */
    histograms_add_duration(&counters->sessions, end->usec);
    if (end->tcp.rtt)
        histograms_add_rtt(&counters->sessions, end->tcp.rtt);
}

void sessions_end(struct sessions *sessions, const struct client *client, struct session_end *end)
{
    const struct slot *slot = sessions_slot(sessions, client);

    tcp_stats_copy(&end->tcp, &slot->tcp);
    count_end(sessions->counters, client, slot, end);
    session_log_end(sessions->log, client, slot, end);
}

void sessions_cancel(struct sessions *sessions, const struct client *client)
{
    if (client->standing == CLIENT_ADMITTED)
        sessions->counters->served--;
    sessions_refuse(sessions, &client->peer, NULL, client->listener, "no process for it");
}

void sessions_refuse(struct sessions *sessions, const struct address *peer,
                     const struct address *proxy, const char *listener, const char *reason)
{
    sessions->counters->refused++;
    session_log_refusal(sessions->log, peer, proxy, listener, reason);
}

void sessions_remove(struct sessions *sessions, struct client *client)
{
    size_t index = index_of(sessions, client);

    roster_remove(&sessions->roster, client);
    slots_free(&sessions->slots, index);
}

void sessions_close(struct sessions *sessions)
{
    slots_close(&sessions->slots);
    roster_close(&sessions->roster);
}
