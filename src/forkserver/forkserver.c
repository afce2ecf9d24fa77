#include "forkserver/forkserver.h"

#include "base/clock.h"
#include "base/exit.h"
#include "forkserver/children.h"
#include "forkserver/outbox.h"
#include "forkserver/private.h"
#include "forkserver/sandbox.h"
#include "forkserver/spawn.h"
#include "forkserver/worker_main.h"
#include "worker/worker.h"

#include <alloca.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How often to check for ended workers whose signal was lost. */
#define SWEEP_MSEC 1000
/* The delay after a poll(2) that fails. */
#define SLEEP_MSEC 50
/* More than the calls for a worker take of the stack; a worker that serves a client takes the most.
 */
#define CALLS_SIZE 2048

/* In memory that workers do not inherit: they get what they need in struct worker and a request. */
struct forkserver {
    int channel;
    int doorbell;
    int slots;       /* the memfd of the slots */
    void *slot_page; /* where each worker's slot is mapped */
    size_t page_size;
    int signals;    /* a signalfd: readable while the end of a worker is pending */
    sigset_t ended; /* SPAWN_SIGNAL */
    bool holding;   /* do not reap: process IDs must stay valid */
    uint64_t swept; /* clock_now() */
    pid_t pid;
    const struct title *title;
    struct children children;
    struct outbox outbox;
    struct request *request;
};

/* ---- jobs ---- */

static void report(struct forkserver *server, enum report_kind kind, uint64_t job, pid_t pid,
                   int status)
{
    const struct report it = {.kind = kind, .pid = pid, .job = job, .status = status};

    outbox_add(&server->outbox, &it);
}

/* Maps the slot of JOB in place of the previous one. MAP_POPULATE, since clone(2) writes to it.
 * Returns 0 or -errno. */
static int map_slot(const struct forkserver *server, const struct job *job)
{
    int memory = job->slots >= 0 ? job->slots : server->slots;
    void *page =
        mmap(server->slot_page, server->page_size, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED | MAP_POPULATE, memory, (off_t)(job->slot * server->page_size));

    return page == MAP_FAILED ? -errno : 0;
}

/* Returns the process ID of the worker, or -errno. */
static pid_t fork_worker(struct forkserver *server, struct job *job)
{
    struct worker worker = {.job = job,
                            .socket = job->socket,
                            .store = job->store,
                            .slot = server->slot_page,
                            .doorbell = job->options.proxy == PROXY_NO ? -1 : server->doorbell,
                            .title = server->title};
    pid_t self = server->pid;
    int r = children_reserve(&server->children);

    if (r == 0)
        r = map_slot(server, job);
    if (r < 0)
        return r;
    pid_t pid = spawn(&worker.slot->pid);
    if (pid == 0)
        worker_main(&worker, job, self);
    return pid;
}

/* Sends the client of JOB the reason why it is not served. Never waits. */
static void refuse(const struct job *job)
{
    if (job->kind != JOB_CLIENT)
        return;
    if (send(job->socket, job->refusal.data, job->refusal.len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        shutdown(job->socket, SHUT_WR);
}

static void take_job(struct forkserver *server)
{
    struct job *job = &server->request->job;
    pid_t pid = fork_worker(server, job);

    if (pid > 0) {
        children_add(&server->children, pid, job->id);
        report(server, REPORT_STARTED, job->id, pid, 0);
    } else {
        refuse(job);
        report(server, REPORT_FAILED, job->id, 0, -pid);
    }
    job_close(job);
    request_forget(server->request);
}

static void take_request(struct forkserver *server)
{
    switch (server->request->kind) {
    case REQUEST_JOB:
        take_job(server);
        break;
    case REQUEST_HOLD:
        server->holding = true;
        report(server, REPORT_HELD, 0, 0, 0);
        break;
    case REQUEST_RELEASE:
        server->holding = false;
        break;
    case REQUEST_SETUP: /* only valid as the first request */
        job_close(&(struct job){.socket = server->request->setup.slots,
                                .store = server->request->setup.doorbell,
                                .slots = -1});
        break;
    }
}

/* Receives and processes a request. Returns 0, or -errno if there will be no more (-EPIPE: the
 * daemon has closed the channel). */
static int receive_request(struct forkserver *server)
{
    int r = request_receive(server->channel, server->request);

    if (r <= 0)
        return r == -EAGAIN ? 0 : r == 0 ? -EPIPE : r;
    take_request(server);
    return 0;
}

/* ---- ends ---- */

/* Reaps PID, or any child if it is -1, and reports its end. Returns whether a child had ended. */
static bool reap(struct forkserver *server, pid_t pid)
{
    int status;
    pid_t ended = waitpid(pid, &status, WNOHANG | __WALL);

    if (ended <= 0)
        return false;
    uint64_t job = children_remove(&server->children, ended);
    if (job)
        report(server, REPORT_ENDED, job, ended, status);
    return true;
}

/* Reaps the child of one pending signal. Uses sigtimedwait(2), because a signalfd does not report
 * the process ID of a real-time signal. */
static void reap_announced(struct forkserver *server)
{
    const struct timespec at_once = {0};
    siginfo_t info;

    if (sigtimedwait(&server->ended, &info, &at_once) == SPAWN_SIGNAL)
        reap(server, info.si_pid);
}

/* Reaps children whose signal was lost, as the signal queue is bounded (RLIMIT_SIGPENDING). */
static void sweep(struct forkserver *server)
{
    uint64_t now = clock_now();

    if (server->children.live == 0 || now < server->swept + SWEEP_MSEC * USEC_PER_MSEC)
        return;
    server->swept = now;
    while (outbox_has_room(&server->outbox) && reap(server, -1))
        continue;
}

/* ---- the loop ---- */

/* Returns the milliseconds until the next timer. */
static int poll_timeout(const struct forkserver *server)
{
    if (server->outbox.count > 0)
        return server->outbox.urgent ? 0 : OUTBOX_MSEC;
    return server->children.live > 0 && !server->holding ? SWEEP_MSEC : -1;
}

/* Sleeps after a poll(2) that failed for lack of memory, so that the loop does not spin. */
static void sleep_briefly(void)
{
    const struct timespec moment = {.tv_nsec = SLEEP_MSEC * 1000 * 1000};
    sigset_t none;

    sigemptyset(&none);
    sigtimedwait(&none, NULL, &moment);
}

static void poll_or_sleep(struct pollfd *polled, nfds_t count, int timeout)
{
    if (poll(polled, count, timeout) < 0) {
        if (errno != EINTR)
            sleep_briefly();
        for (nfds_t i = 0; i < count; i++)
            polled[i].revents = 0;
    }
}

/* Sends the reports, and waits while the channel is full. Returns 0 or -errno. */
static int flush(struct forkserver *server)
{
    struct pollfd polled = {.fd = server->channel, .events = POLLOUT};
    int r = outbox_flush(&server->outbox);

    if (r != -EAGAIN)
        return r;
    poll_or_sleep(&polled, 1, -1);
    return 0;
}

/*
 * One turn of the loop. Makes only calls that poll(2) has announced: a call that fails writes
 * errno, and the page of errno, which is shared with the worker just forked, would have to be
 * copied. Returns 0, or -errno to exit.
 */
static int run_once(struct forkserver *server)
{
    struct pollfd polled[] = {{.fd = server->channel, .events = POLLIN},
                              {.fd = server->holding ? -1 : server->signals, .events = POLLIN}};

    if (outbox_is_overdue(&server->outbox))
        return flush(server);
    poll_or_sleep(polled, ARRAY_SIZE(polled), poll_timeout(server));
    if (polled[1].revents)
        reap_announced(server);
    if (!server->holding)
        sweep(server);
    if (polled[0].revents && outbox_has_room(&server->outbox))
        return receive_request(server);
    return polled[1].revents || !server->outbox.urgent ? 0 : flush(server);
}

/* ---- setting up ---- */

/* Blocks the signals that a terminal or a service manager sends to the whole group, because the
 * daemon handles those. Workers unblock SIGTERM. Returns 0 or -errno. */
static int block_signals(struct forkserver *server)
{
    const int blocked[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SPAWN_SIGNAL};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(blocked); i++)
        sigaddset(&set, blocked[i]);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    worker_handle_signals();
    sigemptyset(&server->ended);
    sigaddset(&server->ended, SPAWN_SIGNAL);
    server->signals = signalfd(-1, &server->ended, SFD_CLOEXEC | SFD_NONBLOCK);
    return server->signals < 0 ? -errno : 0;
}

/* Reserves the address where the slot of each worker is mapped. Returns 0 or -errno. */
static int reserve_page(struct forkserver *server)
{
    server->slot_page =
        mmap(NULL, server->page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return server->slot_page == MAP_FAILED ? -errno : 0;
}

/* Tries the calls that wait for workers. If a container's filter refuses one, the fork server must
 * not start: it would never learn that a worker has ended, or spin. Returns 0 or -errno. */
static int try_waiting(const struct forkserver *server)
{
    const struct timespec at_once = {0};

    if (waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno != ECHILD)
        return -errno;
    return sigtimedwait(&server->ended, NULL, &at_once) < 0 && errno != EAGAIN ? -errno : 0;
}

static void report_protections(struct forkserver *server, const struct sandbox *sandbox)
{
    for (unsigned i = 0; i < PROTECTION_COUNT; i++)
        report(server, REPORT_PROTECTION, i, sandbox->protection[i].level,
               sandbox->protection[i].error);
    report(server, REPORT_READY, 0, server->pid, JOB_VERSION);
}

/* gmtime(3) loads the local time zone once, which the sandbox would prevent. */
static void load_time_zone(void)
{
    setenv("TZ", "UTC0", 1);
    tzset();
}

/* Receives the setup, which the daemon sends before it starts this program. Returns 0 or -errno.
 * Not inlined, so that its variables take none of the stack later. */
NOINLINE static int set_up(struct forkserver *server)
{
    struct pollfd polled = {.fd = server->channel, .events = POLLIN};
    struct sandbox sandbox;

    while (poll(&polled, 1, -1) < 0 && errno == EINTR)
        continue;
    int r = request_receive(server->channel, server->request);
    if (r <= 0 || server->request->kind != REQUEST_SETUP)
        return r < 0 ? r : -EPROTO;
    server->slots = server->request->setup.slots;
    server->doorbell = server->request->setup.doorbell;
    r = block_signals(server);
    if (r == 0)
        r = reserve_page(server);
    if (r == 0)
        r = try_waiting(server);
    if (r < 0)
        return r;
    load_time_zone();
    sandbox_enter(&sandbox, &server->request->setup, server->slot_page);
    report_protections(server, &sandbox);
    return 0;
}

/* Not inlined, so that its variables are below the request. Returns -errno. */
NOINLINE static int serve(struct forkserver *server)
{
    int r = set_up(server);

    while (r == 0)
        r = run_once(server);
    return r;
}

/*
 * As serve(), where the stack is in the right place: the part of the request that is used as a
 * rule, and below it what is called for a worker, in this process and in the worker, are in one
 * page. Each further page that both write to would cost both of them a page fault, and the place
 * where the stack begins is random.
 */
static int serve_in_one_page(struct forkserver *server)
{
    const size_t size = sizeof(struct request);
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    server->request = alloca(size + (here - size - CALLS_SIZE) % server->page_size);
    return serve(server);
}

int forkserver_run(int channel, const struct title *title)
{
    struct forkserver *server = private_allocate(sizeof(*server));

    if (!server)
        return EXIT_OSERR;
    server->channel = server->outbox.channel = channel;
    server->pid = getpid();
    server->page_size = (size_t)sysconf(_SC_PAGESIZE);
    server->title = title;
    int r = serve_in_one_page(server);
    return r == -EPIPE ? 0 : r == -EPROTO ? EXIT_SOFTWARE : EXIT_OSERR;
}
