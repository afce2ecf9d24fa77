#include "daemon/supervise/fork_server.h"

#include "base/clock.h"
#include "base/fd.h"
#include "ipc/job.h"

#include <signal.h>

/* How long a fork server may take to hold. It normally does so at once. */
#define HOLD_TIME (5 * USEC_PER_SEC)

/* If the channel is full, the request is sent later. */
static void ask_to_hold(struct fork_server *server)
{
    if (server->pid > 0 && request_send(server->channel, REQUEST_HOLD) == 0)
        server->hold = HOLD_ASKED;
}

void fork_server_hold(struct fork_server *server)
{
    if (server->hold != HOLD_NOT)
        return;
    server->hold = HOLD_WANTED;
    server->hold_until = clock_now() + HOLD_TIME;
    ask_to_hold(server);
}

void fork_server_release(struct fork_server *server)
{
    /* A fork server that does not get the request would hold forever. */
    if (request_send(server->channel, REQUEST_RELEASE) < 0 && server->pid > 0)
        kill(server->pid, SIGKILL);
    server->hold = HOLD_NOT;
}

void fork_server_run(struct fork_server *server, uint64_t now)
{
    if (server->hold == HOLD_WANTED)
        ask_to_hold(server);
    if (server->hold != HOLD_NOT && now >= server->hold_until && server->pid > 0) {
        kill(server->pid, SIGKILL);
        server->hold_until = UINT64_MAX;
    }
}

void fork_server_close(struct fork_server *server)
{
    fd_close(&server->channel);
    fd_close(&server->far);
}
