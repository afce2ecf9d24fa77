#include "daemon/birth.h"

#include "base/lean.h"
#include "base/span.h"
#include "daemon/spawn.h"
#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * In the child: a worker may leave no process behind, which would go on writing to its slot when
 * that is another worker's. Beyond this limit nobody can fork but root.
 */
static void forgo_children(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_NPROC, &none);
}

/* In the child: where a worker of LISTEN has messages stored, kept in *STORE; NULL if it has none.
 */
static const struct store *find_store(const struct server *server,
                                      const struct listen_settings *listen, struct store *store)
{
    if (listen->service != SERVICE_MESSAGE)
        return NULL;
    if (store_find(store, server->scribe.messages) < 0)
        _exit(END_SETUP);
    return store;
}

/* In the child. Never returns to the loop that it was forked from. */
NORETURN static void become_worker(const struct server *server, size_t index, pid_t parent,
                                   int client, const struct address *peer,
                                   const struct listen_settings *listen)
{
    const struct server_settings *limits = server->settings->server;
    struct store store;
    struct job job = {
        .client = client,
        .messages = find_store(server, listen, &store),
        .slot = slots_map_one(&server->slots, index),
        .peer = *peer,
        .listen = listen,
        .idle_timeout = limits->idle_timeout,
        .session_timeout = limits->session_timeout,
        .title = server->title,
        .daemon = parent,
    };

    if (!spawn_bind(parent, SIGTERM)) /* it would be counted by nobody */
        _exit(END_STOPPED);
    if (!job.slot)
        _exit(END_SETUP);
    forgo_children();
    worker_run(&job);
}

int birth_of_worker(struct server *server, int client, const struct address *peer,
                    const struct listen_settings *listen)
{
    size_t index = roster_next(&server->roster);
    pid_t parent = getpid();

    *slots_at(&server->slots, index) = (struct slot){0};
    pid_t pid = spawn(CHILD_SIGNAL);
    if (pid < 0)
        return pid;
    if (pid == 0)
        become_worker(server, index, parent, client, peer, listen);
    roster_add(&server->roster, pid, peer, listen);
    return 0;
}

/* In the child. */
NORETURN static void become_datagram_worker(const struct server *server, size_t slot, pid_t parent,
                                            const struct listener *listener)
{
    const struct listen_settings *listen = listener->settings;
    struct store store;
    struct datagram_job job = {
        .socket = listener->fd,
        .messages = find_store(server, listen, &store),
        .slot = slots_map_one(&server->datagrams.slots, slot),
        .address = &listener->address,
        .listen = listen,
        .own_ports = server->datagrams.own_ports,
        .source_prefix = server->settings->server->source_prefix,
        .title = server->title,
    };

    if (!spawn_bind(parent, SIGTERM))
        _exit(END_STOPPED);
    if (!job.slot)
        _exit(END_SETUP);
    forgo_children();
    datagram_run(&job);
}

pid_t birth_of_datagram_worker(struct server *server, const struct listener *listener, size_t slot)
{
    pid_t parent = getpid();

    *slots_at(&server->datagrams.slots, slot) = (struct slot){0};
    pid_t pid = spawn(CHILD_SIGNAL);
    if (pid == 0)
        become_datagram_worker(server, slot, parent, listener);
    return pid;
}

NORETURN static void become_scribe(const struct server *server)
{
    const struct scribe *scribe = &server->scribe;
    const int kept[] = {STDERR_FILENO, scribe->records_in, scribe->messages};

    title_set(server->title, "echod: scribe");
    if (fd_close_from_but(0, kept, ARRAY_SIZE(kept)) < 0)
        _exit(EXIT_OSERR);
    scribe_run(scribe);
}

int birth_of_scribe(struct server *server)
{
    /* Unlike a worker it needs all the libraries: it is libsystemd's only user among them. */
    lean_children(false);
    pid_t pid = spawn(CHILD_SIGNAL);
    if (pid == 0)
        become_scribe(server);
    lean_children(true);
    if (pid < 0)
        return pid;
    server->scribe.pid = pid;
    server->scribe_since = clock_now();
    return 0;
}
