#include "daemon/admission.h"

#include "base/span.h"
#include "daemon/birth.h"
#include "net/cidr.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Connections accepted of one listener before the others, and the signals, have their turn. */
#define BATCH 64
/* How long a lack of descriptors, memory or processes is given to pass. */
#define MUTE_TIME (250 * USEC_PER_MSEC)

static bool is_full(const struct server *server)
{
    return server->roster.live >= server->settings->server->max_clients;
}

bool admission_open(const struct server *server, uint64_t now)
{
    return server->phase == PHASE_SERVING && now >= server->muted_until &&
           !(is_full(server) && server->settings->server->when_full == WHEN_FULL_QUEUE);
}

/* ---- shortages ---- */

/* Stops accepting for a moment: a poll(2) that returned at once for a connection that cannot be
 * accepted would spin. Logged once for each shortage, at its begin and end. */
static void mute(struct server *server, const char *what, int error)
{
    if (server->mutings++ == 0)
        log_event(&server->log, EVENT_PAUSED, LOG_WARNING,
                  "%s: %s; accepting pauses until that has passed", what, strerror(error));
    server->muted_until = clock_now() + MUTE_TIME;
}

static void end_shortage(struct server *server)
{
    if (server->mutings == 0)
        return;
    log_event(&server->log, EVENT_RESUMED, LOG_NOTICE, "accepting again after %llu pauses",
              (unsigned long long)server->mutings);
    server->mutings = 0;
    server->muted_until = 0;
}

/* ---- decisions ---- */

struct refusal {
    const char *to_client;
    const char *reason; /* for the record */
};

static bool is_in(const struct cidrs *list, const struct address *peer)
{
    for (size_t i = 0; i < list->count; i++)
        if (cidr_contains(&list->item[i], peer))
            return true;
    return false;
}

/* Lists of addresses say nothing of the peers of a Unix socket: its file's mode does. */
static bool is_denied(const struct listen_settings *listen, const struct address *peer)
{
    return address_is_ip(peer) && (is_in(&listen->deny, peer) ||
                                   (listen->allow.count > 0 && !is_in(&listen->allow, peer)));
}

static const struct refusal *find_refusal(const struct server *server, const struct address *peer,
                                          const struct listen_settings *listen)
{
    static const struct refusal denied = {"echod: access denied\n", "not allowed"};
    static const struct refusal full = {"echod: too many clients, try again later\n", "full"};
    static const struct refusal many = {
        "echod: too many clients from your address, try again later\n", "too many of its source"};
    uint64_t limit = server->settings->server->max_per_source;

    if (is_denied(listen, peer))
        return &denied;
    if (is_full(server))
        return &full;
    /* All peers of Unix sockets would be one source, so this limit is not for them. */
    if (limit > 0 && address_is_ip(peer) && roster_count(&server->roster, peer) >= limit)
        return &many;
    return NULL;
}

static void refuse(struct server *server, int client, const struct address *peer,
                   const struct listen_settings *listen, const struct refusal *refusal)
{
    server->totals.refused++;
    struct session_log to = server_session_log(server);
    session_log_refusal(&to, peer, listen, refusal->reason);
    /* The buffer of a new connection has room; where it has not, nobody is waited for. */
    if (send(client, refusal->to_client, strlen(refusal->to_client), MSG_DONTWAIT | MSG_NOSIGNAL) <
        0)
        return;
    shutdown(client, SHUT_WR);
}

static void serve(struct server *server, int client, const struct address *peer,
                  const struct listen_settings *listen)
{
    static const struct refusal lacking = {"echod: out of resources, try again later\n",
                                           "no process for it"};
    int r = birth_of_worker(server, client, peer, listen);

    if (r == 0) {
        server->totals.served++;
        end_shortage(server);
        return;
    }
    mute(server, "no worker could be forked", -r);
    refuse(server, client, peer, listen, &lacking);
}

void admission_decide(struct server *server, int client, const struct address *peer,
                      const struct listen_settings *listen)
{
    const struct refusal *refusal = find_refusal(server, peer, listen);

    if (refusal)
        refuse(server, client, peer, listen, refusal);
    else
        serve(server, client, peer, listen);
    fd_close(&client);
}

/* ---- accepting ---- */

/* Whether ERROR of accept(2) concerns the one connection only, and the next is to be taken. */
static bool is_about_one(int error)
{
    static const int errors[] = {EINTR,       ECONNABORTED, EPROTO,       ENETDOWN,
                                 EHOSTDOWN,   ENONET,       EHOSTUNREACH, EOPNOTSUPP,
                                 ENETUNREACH, ENOPROTOOPT,  ETIMEDOUT};

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
        if (errors[i] == error)
            return true;
    return false;
}

/* Returns whether LISTENER is worth another try now. */
static bool accept_one(struct server *server, const struct listener *listener)
{
    struct address peer = {.len = sizeof(peer.storage)};
    int client = accept4(listener->fd, &peer.sa, &peer.len, SOCK_CLOEXEC);

    if (client >= 0) {
        address_normalise(&peer);
        admission_decide(server, client, &peer, listener->settings);
        return true;
    }
    if (is_about_one(errno))
        return true;
    if (errno != EAGAIN)
        mute(server, "a connection could not be accepted", errno);
    return false;
}

void admission_accept(struct server *server, const struct listener *listener)
{
    uint64_t now = clock_now();

    for (int i = 0; i < BATCH && admission_open(server, now); i++)
        if (!accept_one(server, listener))
            return;
}
