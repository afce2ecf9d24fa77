#include "daemon/supervise/scribe_process.h"

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/passed_fds.h"
#include "ipc/channel.h"
#include "ipc/store.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The delay before the next scribe, so that the daemon does not fork in a loop if none can run. */
#define PAUSE USEC_PER_SEC
/* A scribe that exits by itself lacks resources: the delay is doubled each time, until one runs for
 * longer than that. */
#define LONGEST_PAUSE (8 * USEC_PER_SEC)
/* More than there can be descriptors for. */
#define CONNECTIONS_MAX (1u << 24)
/* Room for the records of a burst; the kernel grants what it can. */
#define QUEUE_BYTES (1024 * 1024)
/* Between two tries to send what a channel had no room for. */
#define RETRY (10 * USEC_PER_MSEC)

/* ---- the process ---- */

int scribe_process_open(struct scribe_process *scribe, enum sink sink, const struct title *title)
{
    int ends[2], r = channel_open(ends), bytes = QUEUE_BYTES;

    *scribe = (struct scribe_process)SCRIBE_PROCESS_NONE;
    scribe->sink = sink;
    scribe->title = title;
    scribe->seed = hash_seed_new();
    if (r < 0)
        return r;
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    scribe->records_in = ends[0];
    scribe->records_out = ends[1];
    return 0;
}

NORETURN static void become_scribe(const struct scribe_process *process, int stores)
{
    const struct scribe scribe = {
        .sink = process->sink, .records = process->records_in, .stores = stores};
    const int kept[] = {STDERR_FILENO, scribe.records, scribe.stores};

    title_set(process->title, "echod: scribe");
    if (passed_fds_close_from(0, kept, ARRAY_SIZE(kept)) < 0)
        _exit(EXIT_OSERR);
    scribe_run(&scribe);
}

static void pass_anew(struct scribe_process *scribe)
{
    scribe->waiting = 0;
    for (uint32_t i = 0; i < scribe->count; i++) {
        scribe->connection[i].passed = false;
        scribe->waiting += scribe->connection[i].fd >= 0;
    }
}

int scribe_process_start(struct scribe_process *scribe, uint64_t now)
{
    int ends[2];

    scribe->since = now;
    int r = channel_open(ends);
    if (r < 0)
        return r;
    pid_t pid = fork();
    if (pid == 0)
        become_scribe(scribe, ends[0]);
    int error = errno;
    fd_close(&ends[0]);
    fd_close(&scribe->stores);
    scribe->stores = ends[1];
    pass_anew(scribe);
    if (pid < 0)
        return -error;
    scribe->pid = pid;
    return 0;
}

int scribe_process_await(const struct scribe_process *scribe, uint64_t deadline)
{
    struct pollfd polled = {.fd = scribe->stores, .events = POLLIN};
    int count;

    /* The byte that announces readiness is not read: nothing else is ever sent, and POLLHUP shows
     * its end. */
    do
        count = poll(&polled, 1, clock_timeout(deadline));
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    if (count == 0)
        return -ETIME;
    return polled.revents & POLLHUP ? -ECHILD : 0;
}

static uint64_t next_pause(const struct scribe_process *scribe, int status)
{
    bool at_once = clock_now() < scribe->since + LONGEST_PAUSE;

    if (!WIFEXITED(status) || !at_once)
        return PAUSE;
    return 2 * scribe->pause < LONGEST_PAUSE ? 2 * scribe->pause : LONGEST_PAUSE;
}

enum scribe_exit scribe_process_exited(struct scribe_process *scribe, pid_t pid, int status)
{
    if (scribe->pid == 0 || scribe->pid != pid)
        return SCRIBE_EXIT_OTHER;
    scribe->pid = 0;
    scribe->pause = next_pause(scribe, status);
    scribe->retiring = false;
    if (status != 0)
        return SCRIBE_EXIT_UNEXPECTED;
    scribe->since = 0; /* start the next one without a delay */
    return SCRIBE_EXIT_TOLD;
}

static bool send_farewell(const struct scribe_process *scribe)
{
    const char farewell[] = SCRIBE_FAREWELL;

    return send(scribe->records_out, farewell, sizeof(farewell), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void scribe_process_retire(struct scribe_process *scribe)
{
    scribe->retiring = !send_farewell(scribe); /* if it fails, sent once there is room */
}

void scribe_process_stop(struct scribe_process *scribe)
{
    if (scribe->records_out >= 0)
        send_farewell(scribe); /* without it, the scribe takes longer to exit */
    fd_close(&scribe->records_in);
    fd_close(&scribe->records_out);
    fd_close(&scribe->stores);
}

void scribe_process_close(struct scribe_process *scribe)
{
    for (uint32_t i = 0; i < scribe->count; i++)
        passed_fds_close(&scribe->connection[i].fd);
    free(scribe->connection);
    scribe->connection = NULL;
    scribe->count = scribe->free = scribe->waiting = 0;
}

/* ---- connections ---- */

static struct store_connection *numbered(const struct scribe_process *scribe, uint32_t number)
{
    return &scribe->connection[number - 1];
}

/* Returns the number of a place that was never used, or 0 if out of memory. */
static uint32_t take_new_place(struct scribe_process *scribe)
{
    void *grown = reallocarray(scribe->connection, scribe->count + 1, sizeof(*scribe->connection));

    if (!grown)
        return 0;
    scribe->connection = grown;
    return ++scribe->count;
}

/* Returns the number of a free place, or 0 if out of memory. */
static uint32_t take_place(struct scribe_process *scribe)
{
    uint32_t number = scribe->free;

    if (number == 0)
        return take_new_place(scribe);
    scribe->free = numbered(scribe, number)->next;
    return number;
}

static void pass(struct scribe_process *scribe, struct store_connection *connection)
{
    if (scribe->stores < 0 || channel_send(scribe->stores, &connection->source,
                                           sizeof(connection->source), &connection->fd, 1) < 0)
        return;
    connection->passed = true;
    scribe->waiting--;
}

static void pass_waiting(struct scribe_process *scribe)
{
    for (uint32_t i = 0; i < scribe->count && scribe->waiting > 0; i++) {
        struct store_connection *connection = &scribe->connection[i];
        if (connection->fd < 0 || connection->passed)
            continue;
        pass(scribe, connection);
        if (!connection->passed)
            return;
    }
}

int scribe_process_connect(struct scribe_process *scribe, const struct source_key *source,
                           uint32_t *number)
{
    int ends[2], r = store_open(ends);

    if (r < 0)
        return r;
    *number = take_place(scribe);
    if (*number == 0) {
        fd_close(&ends[0]);
        fd_close(&ends[1]);
        return -ENOMEM;
    }
    struct store_connection *connection = numbered(scribe, *number);
    *connection = (struct store_connection){
        .fd = ends[1], .source = hash_bytes(&scribe->seed, source, sizeof(*source))};
    scribe->waiting++;
    pass(scribe, connection);
    return ends[0];
}

void scribe_process_disconnect(struct scribe_process *scribe, uint32_t number)
{
    if (number == 0 || number > scribe->count)
        return;
    struct store_connection *connection = numbered(scribe, number);
    if (!connection->passed)
        scribe->waiting--;
    passed_fds_close(&connection->fd);
    connection->next = scribe->free;
    scribe->free = number;
}

int scribe_process_adopt(struct scribe_process *scribe, uint32_t number,
                         const struct store_connection *connection)
{
    if (number == 0 || number > CONNECTIONS_MAX)
        return -EPROTO;
    while (scribe->count < number) {
        if (!take_new_place(scribe))
            return -ENOMEM;
        *numbered(scribe, scribe->count) = (struct store_connection){.fd = -1};
    }
    *numbered(scribe, number) = *connection;
    return 0;
}

void scribe_process_adopted(struct scribe_process *scribe)
{
    for (uint32_t number = 1; number <= scribe->count; number++) {
        struct store_connection *connection = numbered(scribe, number);
        scribe->waiting += connection->fd >= 0 && !connection->passed;
        if (connection->fd >= 0)
            continue;
        connection->next = scribe->free;
        scribe->free = number;
    }
}

/* ---- timers ---- */

int scribe_process_run(struct scribe_process *scribe, uint64_t now)
{
    int r = 0;

    if (scribe->pid == 0 && now >= scribe->since + scribe->pause)
        r = scribe_process_start(scribe, now);
    if (scribe->retiring)
        scribe_process_retire(scribe);
    if (scribe->waiting > 0)
        pass_waiting(scribe);
    return r;
}

uint64_t scribe_process_next(const struct scribe_process *scribe)
{
    if (scribe->pid > 0 && (scribe->waiting > 0 || scribe->retiring))
        return clock_now() + RETRY;
    return scribe->pid == 0 ? scribe->since + scribe->pause : UINT64_MAX;
}
