#include "scribe/scribe.h"

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "log/record.h"
#include "scribe/store_requests.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Without a farewell the daemon was killed: its workers end, too, but what they have taken is to be
 * stored. */
#define ORPHAN_TIME (2 * USEC_PER_SEC)
/* A sink that stands still does not keep the scribe of a daemon that is gone. */
#define ORPHAN_LIFE_SEC 5
/* Sent by the kernel when the daemon has died: no signal that anybody sends by its name. */
#define ORPHANED SIGRTMIN
/* What is done of each kind before the others have their turn. Of messages, which may be long, it
 * is one. */
#define RECORDS 64
#define CONNECTIONS 64
#define EVENTS 64

struct writing {
    const struct scribe *scribe;
    struct store_requests requests;
    struct fair_queue queue;
    uint64_t end; /* when, clock_now(), if nobody asks any more; UINT64_MAX: not yet */
};

/* The daemon is gone. This ends the process even if it waits for its sink, but not at once. */
static void on_orphaned(int signal_number)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    const struct itimerspec life = {.it_value = {.tv_sec = ORPHAN_LIFE_SEC}};
    timer_t timer;
    int kept = errno;

    (void)signal_number;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
        timer_settime(timer, 0, &life, NULL);
    errno = kept;
}

static void set_up_signals(void)
{
    struct sigaction action = {.sa_handler = on_orphaned, .sa_flags = SA_RESTART};
    sigset_t none;

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN); /* "killall -USR1 echod" sends it to the scribe, too */
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&action.sa_mask);
    sigaction(ORPHANED, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, ORPHANED);
}

/* FD points at the descriptor: so its events are told from those of clients. */
static int watch(int epoll, const int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = (void *)fd};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, *fd, &event);
}

/* No more records: END is when to end. */
static void stop_records(struct writing *writing, uint64_t end)
{
    epoll_ctl(writing->requests.epoll, EPOLL_CTL_DEL, writing->scribe->records, NULL);
    writing->end = end;
}

/* What the system refuses this scribe: the daemon starts another one, which gets every connection,
 * and finds there what was not dealt with. */
_Noreturn static void give_up(void)
{
    _exit(EXIT_OSERR);
}

static void write_records(struct writing *writing)
{
    char buf[RECORD_MAX];

    for (int i = 0; i < RECORDS && writing->end == UINT64_MAX; i++) {
        ssize_t n = recv(writing->scribe->records, buf, sizeof(buf), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0 && errno != ECONNRESET)
            give_up();
        if (n <= 0)
            stop_records(writing, clock_now() + ORPHAN_TIME);
        else if (n == sizeof(SCRIBE_FAREWELL))
            stop_records(writing, clock_now());
        else
            sink_write(writing->scribe->sink, buf, (size_t)n);
    }
}

static void accept_connections(struct writing *writing)
{
    int r = 1;

    for (int i = 0; i < CONNECTIONS && (r > 0 || r == -EPROTO); i++)
        r = store_requests_accept(&writing->requests, writing->scribe->stores);
    /* One that there was no descriptor for (-EPROTO) is lost: the next scribe has no more of them.
     */
    if (r < 0 && r != -EAGAIN && r != -EPROTO)
        give_up();
    if (r == 0) /* the daemon is gone */
        epoll_ctl(writing->requests.epoll, EPOLL_CTL_DEL, writing->scribe->stores, NULL);
}

/* Whoever has a record waits for its turn. */
static void take(struct writing *writing, void *ready)
{
    if (ready == &writing->scribe->records)
        return; /* those are looked for in any case */
    if (ready == &writing->scribe->stores)
        accept_connections(writing);
    else
        fair_queue_add(&writing->queue, ready);
}

/* The daemon's records come first: they are looked for before each message. Returns whether there
 * was something to do, before it was time to end. */
static bool run_once(struct writing *writing)
{
    struct epoll_event events[EVENTS];
    int idle = writing->end == UINT64_MAX ? -1 : clock_timeout(writing->end);
    int count =
        epoll_wait(writing->requests.epoll, events, EVENTS, writing->queue.first ? 0 : idle);

    if (count < 0 && errno != EINTR)
        give_up();
    write_records(writing);
    for (int i = 0; i < count; i++)
        take(writing, events[i].data.ptr);
    struct store_client *client = fair_queue_next(&writing->queue);
    if (client && store_requests_serve(&writing->requests, client, writing->scribe->sink) < 0)
        give_up();
    return count != 0 || client;
}

/* Has the daemon know that this process can work, or not: a container's filter may refuse calls
 * that no other process of ours makes. */
static bool get_ready(struct writing *writing)
{
    const struct scribe *scribe = writing->scribe;
    struct epoll_event event;
    char byte = 0;

    writing->requests.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (writing->requests.epoll < 0 || watch(writing->requests.epoll, &scribe->records) < 0 ||
        watch(writing->requests.epoll, &scribe->stores) < 0 ||
        epoll_wait(writing->requests.epoll, &event, 1, 0) < 0)
        return false;
    if (recv(scribe->records, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && fd_is_refusal(errno))
        return false;
    if (write(STDERR_FILENO, &byte, 0) < 0 && fd_is_refusal(errno))
        return false;
    /* The daemon may be gone, and what it left is written all the same. */
    return send(scribe->stores, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ||
           !fd_is_refusal(errno);
}

_Noreturn void scribe_run(const struct scribe *scribe)
{
    static struct writing writing;

    writing.scribe = scribe;
    writing.end = UINT64_MAX;

    set_up_signals();
    if (!get_ready(&writing))
        give_up();
    while (run_once(&writing) || clock_now() < writing.end)
        continue;
    sink_drain(scribe->sink);
    _exit(0);
}
