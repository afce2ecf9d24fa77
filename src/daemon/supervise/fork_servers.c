#include "daemon/supervise/fork_servers.h"

#include "base/clock.h"
#include "base/fd.h"
#include "daemon/supervise/fork_exec.h"
#include "daemon/supervise/renewal.h"
#include "ipc/channel.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* The delay after a fork server that exited before it was ready: doubled each time. */
#define FIRST_PAUSE (100 * USEC_PER_MSEC)
#define LONGEST_PAUSE (10 * USEC_PER_SEC)
/* How many jobs may wait for a worker. Further clients wait in the kernel's backlog, where they do
 * not count for max_clients. */
#define WINDOW 64
/* The delay between retries while a channel is full. */
#define RETRY (10 * USEC_PER_MSEC)
/* How long to not poll a channel that cannot be read. */
#define RECEIVE_PAUSE (100 * USEC_PER_MSEC)

/* ---- finding ---- */

struct fork_server *fork_servers_find(struct fork_servers *fs, uint32_t number)
{
    for (size_t i = 0; i < fs->count; i++)
        if (fs->item[i].number == number)
            return &fs->item[i];
    return NULL;
}

static struct fork_server *current(struct fork_servers *fs)
{
    return fs->current ? fork_servers_find(fs, fs->current) : NULL;
}

/* ---- opening and closing ---- */

static int open_program(struct fork_servers *fs)
{
    if (fs->executable < 0)
        fs->executable = fork_exec_open(fs->program, &fs->file);
    return fs->executable;
}

int fork_servers_open(struct fork_servers *fs, const char *program, const struct setup *setup)
{
    fs->setup = *setup;
    fs->program = program;
    return open_program(fs) < 0 ? fs->executable : 0;
}

int fork_servers_adopt(struct fork_servers *fs, const struct fork_server *server, bool is_current)
{
    if (fs->count == FORK_SERVERS_MAX || server->number == 0)
        return -EPROTO;
    fs->item[fs->count++] = *server;
    if (is_current)
        fs->current = server->number;
    if (server->number > fs->last_number)
        fs->last_number = server->number;
    return 0;
}

void fork_servers_claim(struct fork_servers *fs, uint32_t number, bool started)
{
    struct fork_server *server = fork_servers_find(fs, number);

    if (!server)
        return;
    server->jobs++;
    server->waiting += !started;
}

static void forget(struct fork_servers *fs, struct fork_server *server)
{
    size_t index = (size_t)(server - fs->item);

    fork_server_close(server);
    if (fs->current == server->number)
        fs->current = 0;
    fs->count--;
    memmove(&fs->item[index], &fs->item[index + 1], (fs->count - index) * sizeof(fs->item[0]));
}

void fork_servers_close(struct fork_servers *fs)
{
    while (fs->count > 0) {
        struct fork_server *last = &fs->item[fs->count - 1];
        fork_server_close(last); /* ends it even if a container's filter refuses kill(2) */
        if (last->pid > 0) {
            kill(last->pid, SIGKILL);
            waitpid(last->pid, NULL, __WALL);
        }
        forget(fs, last);
    }
    fd_close(&fs->executable);
    free(fs->moving);
    fs->moving = NULL;
}

/* ---- starting ---- */

static void wait_before(struct fork_servers *fs, uint64_t now)
{
    fs->pause = fs->pause == 0                  ? FIRST_PAUSE
                : 2 * fs->pause < LONGEST_PAUSE ? 2 * fs->pause
                                                : LONGEST_PAUSE;
    fs->start_at = now + fs->pause;
}

int fork_servers_start(struct fork_servers *fs, uint64_t now)
{
    struct fork_server server = {
        .number = fs->last_number + 1, .started = now, .channel = -1, .far = -1};
    int ends[2];

    wait_before(fs, now);
    if (fs->count == FORK_SERVERS_MAX)
        return -EUSERS;
    int r = open_program(fs);
    if (r < 0 || (r = channel_open(ends)) < 0)
        return r;
    server.file = fs->file;
    server.channel = ends[0];
    server.far = ends[1];
    r = setup_send(server.channel, &fs->setup);
    if (r == 0)
        r = fork_exec(fs->executable, server.far);
    if (r < 0) {
        fork_server_close(&server);
        return r;
    }
    server.pid = r;
    fs->item[fs->count++] = server;
    fs->current = fs->last_number = server.number;
    fs->full = false;
    return 0;
}

bool fork_servers_outdated(const struct fork_servers *fs)
{
    for (size_t i = 0; i < fs->count; i++)
        if (fs->item[i].number == fs->current)
            return memcmp(&fs->item[i].file, &fs->file, sizeof(fs->file)) != 0;
    return true;
}

/* ---- jobs ---- */

int fork_servers_submit(struct fork_servers *fs, const struct job *job, uint32_t *number)
{
    struct fork_server *server = current(fs);
    int r = server ? job_send(server->channel, job) : -EAGAIN;

    fs->full = r == -EAGAIN;
    if (r < 0)
        return r;
    server->jobs++;
    server->waiting++;
    *number = server->number;
    return 0;
}

bool fork_servers_have_room(const struct fork_servers *fs)
{
    for (size_t i = 0; i < fs->count; i++)
        if (fs->item[i].number == fs->current)
            return !fs->full && fs->item[i].waiting < WINDOW;
    return false;
}

void fork_servers_started(struct fork_servers *fs, uint32_t number)
{
    struct fork_server *server = fork_servers_find(fs, number);

    if (server && server->waiting > 0)
        server->waiting--;
}

void fork_servers_done(struct fork_servers *fs, uint32_t number, bool started)
{
    struct fork_server *server = fork_servers_find(fs, number);

    if (server && server->jobs > 0)
        server->jobs--;
    if (!started)
        fork_servers_started(fs, number);
}

/* ---- reports ---- */

static void note_protection(struct fork_servers *fs, const struct report *report)
{
    if (report->job >= PROTECTION_COUNT)
        return;
    fs->protection[report->job] =
        (struct protection_state){.error = report->status, .level = report->pid};
}

/* Handles REPORT if it is about SERVER itself. Returns whether it is. */
static bool note(struct fork_servers *fs, struct fork_server *server, const struct report *report)
{
    switch (report->kind) {
    case REPORT_PROTECTION:
        note_protection(fs, report);
        return true;
    case REPORT_READY:
        server->ready = true;
        fs->known = true;
        fs->pause = 0;
        return true;
    default:
        return false;
    }
}

ssize_t fork_servers_receive(struct fork_servers *fs, struct fork_server *server,
                             struct report *list)
{
    char buf[REPORTS_SIZE];
    int fds[CHANNEL_FDS];
    size_t passed, kept = 0;
    ssize_t n =
        server->channel < 0 ? 0 : channel_receive(server->channel, buf, sizeof(buf), fds, &passed);

    if (n <= 0 && n != -EAGAIN && n != -EPROTO) /* out of memory: poll(2) would return at once */
        server->receive_at = clock_now() + RECEIVE_PAUSE;
    if (n <= 0)
        return n == -EPROTO ? n : 0;
    ssize_t count = reports_decode(list, buf, (size_t)n);
    for (ssize_t i = 0; i < count; i++)
        if (!note(fs, server, &list[i]))
            list[kept++] = list[i];
    return count < 0 ? count : (ssize_t)kept;
}

bool fork_servers_has_ended(struct fork_servers *fs, uint32_t number)
{
    const struct fork_server *server = fork_servers_find(fs, number);

    return !server || server->pid == 0;
}

void fork_servers_hold(struct fork_servers *fs, uint32_t number)
{
    struct fork_server *server = fork_servers_find(fs, number);

    if (server)
        fork_server_hold(server);
}

/* ---- ends ---- */

struct fork_server *fork_servers_exited(struct fork_servers *fs, pid_t pid, uint64_t now)
{
    for (size_t i = 0; i < fs->count; i++) {
        struct fork_server *server = &fs->item[i];
        if (server->pid != pid)
            continue;
        server->pid = 0;
        server->hold = HOLD_NOT;
        if (fs->current != server->number)
            return server;
        fs->current = 0;
        if (server->ready)
            fs->start_at = now;
        else
            wait_before(fs, now);
        return server;
    }
    return NULL;
}

/* Reads the next job that SERVER has not received into fs->moving. Returns whether there is one. If
 * memory is short now, there may be one later. */
static bool take_unread(struct fork_servers *fs, struct fork_server *server)
{
    fs->moving = malloc(sizeof(*fs->moving));
    if (!fs->moving)
        return false;
    fs->moving_from = server->number;
    for (;;) {
        int r = request_receive(server->far, fs->moving);
        if (r == 1 && fs->moving->kind == REQUEST_JOB)
            return true;
        if (r == 1 && fs->moving->kind == REQUEST_SETUP) {
            fd_close(&fs->moving->setup.slots);
            fd_close(&fs->moving->setup.doorbell);
        }
        if (r <= 0 && r != -EPROTO)
            break; /* the channel is empty */
    }
    free(fs->moving);
    fs->moving = NULL;
    server->drained = true;
    return false;
}

static void drop_moving(struct fork_servers *fs)
{
    job_close(&fs->moving->job);
    free(fs->moving->file);
    free(fs->moving);
    fs->moving = NULL;
}

uint64_t fork_servers_move(struct fork_servers *fs, struct fork_server *server)
{
    uint32_t number;

    if (!fs->current || server->drained)
        return 0;
    if (fs->moving ? fs->moving_from != server->number : !take_unread(fs, server))
        return 0;
    if (fork_servers_submit(fs, &fs->moving->job, &number) < 0)
        return 0;
    uint64_t id = fs->moving->job.id;
    drop_moving(fs);
    return id;
}

void fork_servers_put_back(struct fork_servers *fs)
{
    struct fork_server *from = fs->moving ? fork_servers_find(fs, fs->moving_from) : NULL;

    if (from && job_send(from->channel, &fs->moving->job) == 0)
        drop_moving(fs);
}

/* ---- timers ---- */

/* A renewal leaves the last place free, for the successor of a fork server that dies: its own place
 * is needed until its jobs have been moved. */
static bool has_place_for_renewal(const struct fork_servers *fs)
{
    return fs->count < FORK_SERVERS_MAX - 1;
}

bool fork_servers_renew(struct fork_servers *fs, uint32_t number, uint64_t now)
{
    struct fork_server *server = fork_servers_find(fs, number);
    size_t crashes = server ? ++server->crashes : 0;

    if (number == fs->current && renewal_is_urgent(crashes))
        fs->renew_at = now;
    else if (fs->renew_at == UINT64_MAX)
        fs->renew_at = renewal_time(&fs->renewals, now);
    return server && renewal_is_final(crashes) && server->pid > 0 &&
           kill(server->pid, SIGKILL) == 0;
}

static void run_one(struct fork_servers *fs, struct fork_server *server, uint64_t now)
{
    fork_server_run(server, now);
    if (now >= server->receive_at)
        server->receive_at = 0;
    if (server->number != fs->current && server->jobs == 0) {
        fork_server_close(server); /* which makes it exit */
        server->hold = HOLD_NOT;
    }
}

int fork_servers_run(struct fork_servers *fs, uint64_t now)
{
    for (size_t i = fs->count; i-- > 0;) {
        run_one(fs, &fs->item[i], now);
        if (fs->item[i].pid == 0 && fs->item[i].jobs == 0 &&
            (fs->item[i].drained || fs->item[i].channel < 0))
            forget(fs, &fs->item[i]);
    }
    bool renew = now >= fs->renew_at && has_place_for_renewal(fs);
    if (!renew && (fs->current || now < fs->start_at))
        return 0;
    fs->renew_at = UINT64_MAX;
    return fork_servers_start(fs, now);
}

uint64_t fork_servers_next(const struct fork_servers *fs)
{
    uint64_t next = fs->current ? UINT64_MAX : fs->start_at;
    bool retry = fs->moving && fs->current;

    if (fs->renew_at < next && has_place_for_renewal(fs))
        next = fs->renew_at;
    for (size_t i = 0; i < fs->count; i++) {
        const struct fork_server *server = &fs->item[i];
        if (server->hold != HOLD_NOT && server->hold_until < next)
            next = server->hold_until;
        if (server->receive_at && server->receive_at < next)
            next = server->receive_at;
        retry = retry || server->hold == HOLD_WANTED;
    }
    uint64_t again = retry ? clock_now() + RETRY : UINT64_MAX;
    return again < next ? again : next;
}
