#include "daemon/reap.h"

#include <sys/wait.h>

/* The scribe's place is empty from here; the loop fills it again, but not in a hurry. */
static void explain_scribe(struct server *server, int status)
{
    server->scribe.pid = -1;
    if (WIFSIGNALED(status))
        log_error(&server->log, "the scribe was killed by signal %d; another one takes its place",
                  WTERMSIG(status));
    else
        log_error(&server->log, "the scribe exited with status %d; another one takes its place",
                  WEXITSTATUS(status));
}

static void add_totals(struct totals *totals, const struct slot *slot, int status, bool asked)
{
    totals->bytes_in += slot->bytes_in;
    totals->bytes_out += slot->bytes_out;
    totals->messages += slot->messages;
    if (session_crashed(status, asked))
        totals->crashed++;
}

static void explain(struct server *server, pid_t pid, int status)
{
    struct client *client = roster_find(&server->roster, pid);

    if (pid == server->scribe.pid) {
        explain_scribe(server, status);
        return;
    }
    if (datagrams_ended(server, pid, status))
        return;
    if (pid == server->metrics.writer) {
        metrics_finish(server, status);
        return;
    }
    if (pid == server->reload.pid) {
        reload_finish(server, status);
        return;
    }
    if (!client)
        return; /* a child from before an exec(3) of this program: not one of ours to explain */
    size_t index = (size_t)(client - server->roster.clients);
    const struct slot *slot = slots_at(&server->slots, index);
    bool asked = server->phase == PHASE_KILLING || client->asked;
    add_totals(&server->totals, slot, status, asked);
    struct session_log to = server_session_log(server);
    session_log_end(&to, client, slot, status, asked);
    roster_remove(&server->roster, client);
    slots_free(&server->slots, index);
}

/* Waits for PID (-1: for any) without blocking. Returns whether one was taken. */
static bool take(struct server *server, pid_t pid)
{
    int status;
    pid_t taken = waitpid(pid, &status, WNOHANG | __WALL);

    if (taken <= 0)
        return false;
    explain(server, taken, status);
    return true;
}

void reap_one(struct server *server, pid_t pid)
{
    take(server, pid);
}

void reap_all(struct server *server)
{
    while (take(server, -1))
        continue;
}
