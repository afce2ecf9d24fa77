#include "forkserver/worker_main.h"

#include "forkserver/sandbox.h"
#include "forkserver/spawn.h"
#include "worker/datagram.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* Renumbers FD to TO, unless it is -1. */
static int move(int fd, int to)
{
    if (fd < 0)
        return -1;
    return dup3(fd, to, O_CLOEXEC) < 0 ? -errno : to;
}

/* Closes all descriptors from FIRST on. Falls back to close(2) if a container's filter refuses
 * close_range(2); a fork server has few descriptors. */
static void close_from(int first)
{
    if (close_range((unsigned)first, ~0u, 0) == 0)
        return;
    for (int fd = first; fd < SANDBOX_FDS; fd++)
        close(fd);
}

/* Renumbers the worker's descriptors from 0 on and closes all others, except standard error in a
 * build with sanitizers. Returns how many there are, or -errno. */
static int arrange_descriptors(struct worker *worker)
{
    int count = 0;

    worker->socket = move(worker->socket, count);
    if (worker->socket < 0)
        return worker->socket;
    count++;
    worker->store = move(worker->store, count);
    count += worker->store >= 0;
    if (INSTRUMENTED) {
        if (count < STDERR_FILENO)
            close(count);
        count = STDERR_FILENO + 1;
    }
    worker->doorbell = move(worker->doorbell, count);
    count += worker->doorbell >= 0;
    close_from(count);
    return count;
}

void worker_main(struct worker *worker, struct job *job, pid_t parent)
{
    if (!spawn_bind(parent, SIGTERM)) /* nobody would report its end */
        _exit(END_STOPPED);
    int count = arrange_descriptors(worker);
    if (count < 0) {
        atomic_store(&worker->slot->error, -count);
        _exit(END_SETUP);
    }
    sandbox_close(worker->slot, (size_t)count);
    if (job->kind == JOB_DATAGRAMS) {
        cidrs_index(&job->datagrams.allow);
        cidrs_index(&job->datagrams.deny);
        datagram_run(worker);
    }
    worker_run(worker);
}
