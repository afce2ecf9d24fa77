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

/* If the channel closes without an empty record, the daemon was killed. Its workers end as well,
 * but the messages that they have received must still be stored. */
#define ORPHAN_TIME (2 * USEC_PER_SEC)
/* A scribe without a daemon exits after this time even if the sink blocks. */
#define ORPHAN_LIFE_SEC 5
/* Sent by the kernel when the daemon dies. Nobody sends a real-time signal by its name. */
#define ORPHANED SIGRTMIN
/* How many of each to process in a turn. Of messages, which may be long, it is one. */
#define RECORDS 64
#define CONNECTIONS 64
#define EVENTS 64

struct writing {
    const struct scribe *scribe;
    struct store_requests requests;
    struct fair_queue queue;
    uint64_t end; /* when to exit (clock_now()) if no request arrives; UINT64_MAX: not yet known */
};

/* The daemon has died. A timer will kill this process even if its sink blocks. */
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
    signal(SIGUSR1, SIG_IGN); /* "killall -USR1 echod" signals the scribe, too */
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&action.sa_mask);
    sigaction(ORPHANED, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, ORPHANED);
}

/* The pointer FD identifies the events of this descriptor. */
static int watch(int epoll, const int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = (void *)fd};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, *fd, &event);
}

/* Stops reading records, and sets the time END to exit. */
static void stop_records(struct writing *writing, uint64_t end)
{
    epoll_ctl(writing->requests.epoll, EPOLL_CTL_DEL, writing->scribe->records, NULL);
    writing->end = end;
}

/* Exits after an error that this process cannot handle. The daemon starts another scribe and passes
 * it every connection, where unanswered messages are still queued. */
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
    /* A connection for which no descriptor was free (-EPROTO) is lost. Another scribe would not
     * have more descriptors. */
    if (r < 0 && r != -EAGAIN && r != -EPROTO)
        give_up();
    if (r == 0) /* the daemon has died */
        epoll_ctl(writing->requests.epoll, EPOLL_CTL_DEL, writing->scribe->stores, NULL);
}

/* Queues a client that has sent a record. */
static void take(struct writing *writing, void *ready)
{
    if (ready == &writing->scribe->records)
        return; /* run_once() checks these each time */
    if (ready == &writing->scribe->stores)
        accept_connections(writing);
    else
        fair_queue_add(&writing->queue, ready);
}

/* Records of the daemon have priority, and are checked before each message. Returns false once it
 * is time to exit. */
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

/* Tells the daemon that this process is ready. Returns false if it cannot work: a container's
 * filter may refuse calls that only the scribe makes. */
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
    /* If the daemon has already died, its records are written all the same. */
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
