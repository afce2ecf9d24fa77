#include "daemon/admission.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/passed_fds.h"
#include "config/sections.h"
#include "daemon/access.h"
#include "daemon/listen/listener_pause.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Connections accepted of one listener before the others, and the signals, have their turn. */
#define BATCH 64
/* How long a lack of descriptors, memory or processes is given to pass. */
#define MUTE_TIME (250 * USEC_PER_MSEC)
/* How long a connection waits for a fork server, which may have to be started anew. */
#define NO_ROOM_TIME (10 * USEC_PER_SEC)

bool admission_open(const struct server *server, uint64_t now)
{
    const struct server_settings *limits = server->settings->server;
    bool full = server->sessions.roster.live >= limits->max_clients;

    return server->phase == PHASE_SERVING && now >= server->muted_until &&
           fork_servers_have_room(&server->fork_servers) &&
           !waiting_list_lacks_room(&server->waiting_list) &&
           !(full && limits->when_full == WHEN_FULL_QUEUE);
}

/* ---- shortages ---- */

/* Stops accepting for a moment: a poll(2) that returned at once for a connection that cannot be
 * accepted would spin. Logged once for each shortage, at its begin and end. */
void admission_pause(struct server *server, const char *what, int error)
{
    if (server->mutings++ == 0)
        log_event(&server->log, EVENT_PAUSED, LOG_WARNING,
                  "%s: %s; accepting pauses until that has passed", what, strerror(error));
    server->muted_until = clock_now() + MUTE_TIME;
    server->paused_job = jobs_newest(&server->jobs);
}

void admission_resume(struct server *server)
{
    unsigned long long pauses = server->mutings;
    char buf[RECORD_MAX];
    struct record record;

    if (pauses == 0)
        return;
    record_start(&record, buf, sizeof(buf), LOG_NOTICE, "accepting again after %llu pause%s",
                 pauses, plural(pauses));
    record_event(&record, EVENT_RESUMED);
    record_add(&record, "ECHOD_PAUSES", "%llu", pauses);
    log_send(&server->log, &record);
    server->mutings = 0;
    server->muted_until = 0;
}

/* ---- decisions ---- */

static void refuse(struct server *server, int client, const struct address *peer,
                   const char *listener, const struct access *access)
{
    char words[ACCESS_WORDS_MAX];

    sessions_refuse(&server->sessions, peer, NULL, listener, access_reason(access));
    access_words(access, words, sizeof(words));
    /* The buffer of a new connection has room; where it has not, nobody is waited for. */
    if (send(client, words, strlen(words), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return;
    shutdown(client, SHUT_WR);
}

static const struct access lacking = {.rule = ACCESS_NO_PROCESS};

/* Has CLIENT served by a worker. Returns 0 or -errno. */
static int submit(struct server *server, int client, const struct address *peer,
                  const struct listen_settings *listen)
{
    size_t index = roster_next(&server->sessions.roster);
    struct submitted submitted = {.id = jobs_client_id(&server->jobs, index)};
    char words[ACCESS_WORDS_MAX];

    slots_take(&server->sessions.slots, index);
    int r = jobs_submit_client(&server->jobs, &submitted, client, peer, listen,
                               access_words(&lacking, words, sizeof(words)));
    if (r < 0)
        return r;
    struct client *entry = roster_add(&server->sessions.roster, submitted.id, peer, listen);
    entry->server = submitted.server;
    entry->store = submitted.store;
    return 0;
}

/* Whether ERROR, -errno, tells of what the system may have again in a moment. */
static bool is_shortage(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM ||
           error == -ETOOMANYREFS;
}

/* Returns 0, -EAGAIN: there is no room for its job yet, or another -errno: it is refused. */
static int serve(struct server *server, int client, const struct address *peer,
                 const struct listen_settings *listen, const struct access *access)
{
    int r = submit(server, client, peer, listen);

    if (r == -EAGAIN)
        return r;
    if (r < 0)
        admission_pause(server, "no worker could be had", -r);
    if (is_shortage(r))
        return -EAGAIN;
    if (r < 0) {
        refuse(server, client, peer, listen->name, &lacking);
        return r;
    }
    if (listen->proxy_protocol == PROXY_NO) { /* else it is not known yet who the client is */
        server->counters.served++;
        access_use(server, access, peer, clock_now());
    }
    return 0;
}

static struct access decide(const struct server *server, const struct address *peer,
                            const struct listen_settings *listen)
{
    return listen->proxy_protocol == PROXY_NO ? access_decide(server, peer, listen, clock_now())
                                              : access_decide_proxy(server, peer, listen);
}

static void close_client(int client, const struct address *peer)
{
    if (address_is_ip(peer))
        fd_close(&client);
    else
        passed_fds_close(&client); /* its peer may have passed something */
}

/* Serves or refuses CLIENT, which is closed then. Returns whether that was done: not if there is no
 * room for its job yet. */
static bool carry_out(struct server *server, int client, const struct address *peer,
                      const struct listen_settings *listen, const struct access *access)
{
    int r = 0;

    if (access_is_granted(access))
        r = serve(server, client, peer, listen, access);
    else
        refuse(server, client, peer, listen->name, access);
    if (r == -EAGAIN)
        return false;
    close_client(client, peer);
    return true;
}

/* For whom nobody has a place any more. */
static void turn_away(struct server *server, const struct waiting_client *k)
{
    struct access access = decide(server, &k->peer, k->listen);

    if (carry_out(server, k->client, &k->peer, k->listen, &access))
        return;
    access = (struct access){.rule = ACCESS_NO_PROCESS};
    carry_out(server, k->client, &k->peer, k->listen, &access);
}

/* Has CLIENT wait, maybe for room, and ends the wait of whom there is no place for any more. */
static void keep(struct server *server, int client, const struct address *peer,
                 const struct listen_settings *listen, bool no_room)
{
    const struct waiting_client waiting = {
        .client = client,
        .peer = *peer,
        .source = address_source(peer, &server->settings->server->source_prefix),
        .listen = listen,
        .no_room = no_room,
        .until = no_room ? clock_now() + NO_ROOM_TIME : 0,
    };
    struct waiting_client out = waiting_list_add(&server->waiting_list, &waiting);

    if (out.client >= 0)
        turn_away(server, &out);
}

void admission_decide(struct server *server, int client, const struct address *peer,
                      const struct listen_settings *listen)
{
    struct access access = decide(server, peer, listen);

    if (access_may_change(&access))
        keep(server, client, peer, listen, false);
    else if (!carry_out(server, client, peer, listen, &access))
        keep(server, client, peer, listen, true);
}

/* Returns whether K goes on waiting. */
static bool waits_on(struct server *server, const struct waiting_client *k, uint64_t now)
{
    struct access access = decide(server, &k->peer, k->listen);

    if (now >= k->until) {
        turn_away(server, k);
        return false;
    }
    return access_may_change(&access) ||
           !carry_out(server, k->client, &k->peer, k->listen, &access);
}

void admission_reconsider(struct server *server, uint64_t now)
{
    struct waiting_list *doorstep = &server->waiting_list;
    size_t kept = 0;

    for (size_t i = 0; i < doorstep->count; i++) {
        const struct waiting_client k = doorstep->item[i];
        if (waits_on(server, &k, now))
            doorstep->item[kept++] = k;
    }
    doorstep->count = kept;
}

void admission_restore(struct server *server, const struct waiting_client *waiting,
                       const char *listener)
{
    static const struct access gone = {.rule = ACCESS_NOT_IN_ALLOW};
    struct waiting_client k = *waiting;

    k.listen = settings_listen(server->settings, listener);
    k.source = address_source(&k.peer, &server->settings->server->source_prefix);
    if (k.listen) {
        server->waiting_list.item[server->waiting_list.count++] = k;
        return;
    }
    refuse(server, k.client, &k.peer, listener, &gone);
    close_client(k.client, &k.peer);
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

/* Returns 0, or -errno of accept(2). */
static int accept_one(struct server *server, const struct listener *listener)
{
    struct address peer = {.len = sizeof(peer.storage)};
    int client = accept4(listener->fd, &peer.sa, &peer.len, SOCK_CLOEXEC);

    if (client < 0)
        return -errno;
    address_normalise(&peer);
    if (!address_is_ip(&peer))
        address_learn_user(&peer, client);
    admission_decide(server, client, &peer, listener->settings);
    return 0;
}

/* What it means that the last try to accept gave R. A listener that gives nothing but errors of
 * single connections would make the loop spin: LASTS. */
static void judge(struct server *server, struct listener *listener, int r, bool lasts)
{
    if (r == 0 || r == -EAGAIN || (is_about_one(-r) && !lasts))
        listener_resume(listener, &server->log);
    else if (is_shortage(r))
        admission_pause(server, "a connection could not be accepted", -r);
    else
        listener_pause(listener, -r, &server->log, clock_now());
}

void admission_accept(struct server *server, struct listener *listener)
{
    uint64_t now = clock_now();
    int r = 0, tries = 0, errors = 0;

    admission_reconsider(server, now); /* they came first */
    while (tries < BATCH && (r == 0 || is_about_one(-r)) && admission_open(server, now)) {
        r = accept_one(server, listener);
        tries++;
        errors += r < 0;
    }
    if (tries > 0)
        judge(server, listener, r, errors == BATCH);
}

void admission_retry(struct server *server)
{
    uint64_t now = clock_now();

    for (size_t i = 0; i < server->listeners.count; i++) {
        struct listener *listener = &server->listeners.item[i];
        if (listener->paused_until && now >= listener->paused_until && admission_open(server, now))
            admission_accept(server, listener);
    }
}
