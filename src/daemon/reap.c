#include "daemon/reap.h"

#include "base/clock.h"
#include "daemon/clients.h"
#include "daemon/process/children.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Its place is empty from here; the loop fills it again, but not in a hurry. */
static void explain_scribe(struct server *server, int status)
{
    char clause[CHILD_END_MAX];

    if (!server->scribe.retiring)
        log_error(&server->log, "the scribe %s; another one takes its place",
                  child_end_format(status, clause));
}

/* One that is not needed any more ends by itself. */
static void explain_fork_server(struct server *server, const struct fork_server *fork_server,
                                int status)
{
    char clause[CHILD_END_MAX];

    if (fork_server->channel < 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    log_error(&server->log, "the fork server %s; another one takes its place%s",
              child_end_format(status, clause),
              fork_server->ready ? "" : " (it never was ready: is echod-forkserver installed?)");
}

static void explain(struct server *server, pid_t pid, int status)
{
    struct fork_server *fork_server = fork_servers_exited(&server->fork_servers, pid, clock_now());

    if (fork_server)
        explain_fork_server(server, fork_server, status);
    else if (scribe_process_exited(&server->scribe, pid, status))
        explain_scribe(server, status);
    else if (pid == server->metrics.writer)
        metrics_finish(server, status);
    else if (pid == server->reload.pid)
        reload_finish(server, status);
    else
        clients_take_orphan(server, pid, status);
}

void reap_all(struct server *server)
{
    pid_t pid;
    int status;

    while ((pid = children_take(&status)) > 0) {
        clients_take_reports(server); /* all that a fork server said before it ended */
        explain(server, pid, status);
    }
}
