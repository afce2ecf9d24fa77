#include "daemon/admission/admit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/passed_fds.h"
#include "config/sections.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* How long a connection waits for a fork server, which may have to start first. */
#define NO_ROOM_TIME (10 * USEC_PER_SEC)

/* ---- decisions ---- */

static void refuse(struct admission *admission, int client, const struct address *peer,
                   const char *listener, const struct access *access)
{
    char words[ACCESS_REFUSAL_MAX];

    sessions_refuse(admission->sessions, peer, NULL, listener, access_reason(access));
    access_refusal(access, words, sizeof(words));
    /* A new connection has room in its buffer. If it does not, the daemon does not wait. */
    if (send(client, words, strlen(words), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return;
    shutdown(client, SHUT_WR);
}

static const struct access lacking = {.rule = ACCESS_NO_PROCESS};

/* Submits the job for CLIENT. Returns 0 or -errno. */
static int submit(struct admission *admission, int client, const struct address *peer,
                  const struct listen_settings *listen)
{
    size_t index = roster_next(&admission->sessions->roster);
    struct submitted submitted = {.id = jobs_client_id(admission->jobs, index)};
    char words[ACCESS_REFUSAL_MAX];

    slots_take(&admission->sessions->slots, index);
    int r = jobs_submit_client(admission->jobs, &submitted, client, peer, listen,
                               access_refusal(&lacking, words, sizeof(words)));
    if (r < 0)
        return r;
    struct client *entry = roster_add(&admission->sessions->roster, submitted.id, peer, listen);
    entry->server = submitted.server;
    entry->store = submitted.store;
    return 0;
}

/* Errors of resources that may soon be free again. */
bool admit_is_shortage(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM ||
           error == -ETOOMANYREFS;
}

/* Returns 0, -EAGAIN if there is no room for the job yet, or -errno if CLIENT is refused. */
static int serve(struct admission *admission, int client, const struct address *peer,
                 const struct listen_settings *listen, const struct access *access)
{
    int r = submit(admission, client, peer, listen);

    if (r == -EAGAIN)
        return r;
    if (r < 0)
        admission_pause(admission, "cannot start a worker", -r);
    if (admit_is_shortage(r))
        return -EAGAIN;
    if (r < 0) {
        refuse(admission, client, peer, listen->name, &lacking);
        return r;
    }
    if (listen->proxy_protocol == PROXY_NO) { /* behind a proxy, the client is not known yet */
        admission->sessions->counters->served++;
        access_use(&admission->policy, access, peer, clock_now());
    }
    return 0;
}

static struct access decide(const struct admission *admission, const struct address *peer,
                            const struct listen_settings *listen)
{
    return listen->proxy_protocol == PROXY_NO
               ? access_decide(&admission->policy, peer, listen, clock_now())
               : access_decide_proxy(&admission->policy, peer, listen);
}

static void close_client(int client, const struct address *peer)
{
    if (address_is_ip(peer))
        fd_close(&client);
    else
        passed_fds_close(&client); /* its peer may have passed descriptors */
}

/* Serves or refuses CLIENT, and closes it. Returns false, with CLIENT open, if there is no room for
 * its job yet. */
static bool carry_out(struct admission *admission, int client, const struct address *peer,
                      const struct listen_settings *listen, const struct access *access)
{
    int r = 0;

    if (access_is_granted(access))
        r = serve(admission, client, peer, listen, access);
    else
        refuse(admission, client, peer, listen->name, access);
    if (r == -EAGAIN)
        return false;
    close_client(client, peer);
    return true;
}

/* Refuses a client that the waiting list has no room for. */
static void refuse_waiting(struct admission *admission, const struct waiting_client *k)
{
    struct access access = decide(admission, &k->peer, k->listen);

    if (carry_out(admission, k->client, &k->peer, k->listen, &access))
        return;
    access = (struct access){.rule = ACCESS_NO_PROCESS};
    carry_out(admission, k->client, &k->peer, k->listen, &access);
}

/* Adds CLIENT to the waiting list. If that displaces another client, refuses it. */
static void add_waiting(struct admission *admission, int client, const struct address *peer,
                        const struct listen_settings *listen, bool no_room)
{
    const struct waiting_client waiting = {
        .client = client,
        .peer = *peer,
        .source = address_source(peer, &admission->settings->server->source_prefix),
        .listen = listen,
        .no_room = no_room,
        .until = no_room ? clock_now() + NO_ROOM_TIME : 0,
    };
    struct waiting_client out = waiting_list_add(&admission->waiting, &waiting);

    if (out.client >= 0)
        refuse_waiting(admission, &out);
}

void admission_decide(struct admission *admission, int client, const struct address *peer,
                      const struct listen_settings *listen)
{
    struct access access = decide(admission, peer, listen);

    if (access_may_change(&access))
        add_waiting(admission, client, peer, listen, false);
    else if (!carry_out(admission, client, peer, listen, &access))
        add_waiting(admission, client, peer, listen, true);
}

/* Returns whether K has to wait longer. */
static bool keeps_waiting(struct admission *admission, const struct waiting_client *k, uint64_t now)
{
    struct access access = decide(admission, &k->peer, k->listen);

    if (now >= k->until) {
        refuse_waiting(admission, k);
        return false;
    }
    return access_may_change(&access) ||
           !carry_out(admission, k->client, &k->peer, k->listen, &access);
}

void admission_reconsider(struct admission *admission, uint64_t now)
{
    struct waiting_list *waiting = &admission->waiting;
    size_t kept = 0;

    for (size_t i = 0; i < waiting->count; i++) {
        const struct waiting_client k = waiting->item[i];
        if (keeps_waiting(admission, &k, now))
            waiting->item[kept++] = k;
    }
    waiting->count = kept;
}

void admission_restore(struct admission *admission, const struct waiting_client *waiting,
                       const char *listener)
{
    static const struct access gone = {.rule = ACCESS_NOT_IN_ALLOW};
    struct waiting_client k = *waiting;

    k.listen = settings_listen(admission->settings, listener);
    k.source = address_source(&k.peer, &admission->settings->server->source_prefix);
    if (k.listen) {
        admission->waiting.item[admission->waiting.count++] = k;
        return;
    }
    refuse(admission, k.client, &k.peer, listener, &gone);
    close_client(k.client, &k.peer);
}
