#include "client/connect/race.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "client/io/wait.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

/* The Connection Attempt Delay of RFC 8305, section 8, and its minimum. */
#define DELAY (250 * USEC_PER_MSEC)
#define DELAY_LEAST (10 * USEC_PER_MSEC)

struct race {
    struct attempts *attempts;
    const struct connect_plan *plan;
    const struct race_watch *watch;
    size_t next;        /* the next address to try */
    uint64_t due;       /* when to try it */
    uint64_t delay;     /* between two attempts */
    bool begun, failed; /* whether any attempt has */
    size_t running;     /* how many attempts are running */
    struct pollfd *set; /* one for each attempt, -1 if it is not running; and plan->wake */
    int error;          /* the result if all fail */
};

uint64_t race_delay(size_t count, uint64_t deadline)
{
    uint64_t now = clock_now(), left = deadline > now ? deadline - now : 0;
    uint64_t share = deadline == NEVER ? DELAY : left / (count + 1);

    return share > DELAY ? DELAY : share < DELAY_LEAST ? DELAY_LEAST : share;
}

static void notify(const struct race *r, size_t i, bool failed)
{
    if (r->watch)
        r->watch->event(r->watch->context, &r->attempts->list[i], failed);
}

/* Attempt I failed. The next one begins without further delay. */
static void fail(struct race *r, size_t i, int error)
{
    r->attempts->list[i].error = error;
    /* Prefers errors of the network to those of this machine, such as a lack of IPv6. */
    if (!connect_ran_short(error) || connect_ran_short(r->error) || !r->failed)
        r->error = error;
    r->failed = true;
    r->due = 0;
    notify(r, i, true);
}

/* Sends the first datagram to ADDRESS. Returns the socket or -errno. */
static int first(const struct address *address, const struct connect_plan *plan)
{
    int fd = connect_begin(address, plan);

    if (fd < 0)
        return fd;
    int r = connect_finish(fd, address);
    if (r == 0 && send(fd, plan->first, plan->first_len, MSG_NOSIGNAL) < 0)
        r = -errno;
    if (r < 0)
        fd_close(&fd);
    return r < 0 ? r : fd;
}

/* Returns 0 if the datagram was answered, or -errno. */
static int answer(int fd)
{
    char byte;

    return recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Begins an attempt without waiting. A Unix socket may block, as it is the only address. */
static int begin(const struct race *r, const struct address *address)
{
    if (!address_is_ip(address))
        return connect_unix(address, r->plan);
    return r->plan->first ? first(address, r->plan) : connect_begin(address, r->plan);
}

static int finish(const struct race *r, int fd, const struct address *address)
{
    return r->plan->first ? answer(fd) : connect_finish(fd, address);
}

static void begin_next(struct race *r)
{
    size_t i = r->next++;
    struct attempt *a = &r->attempts->list[i];

    notify(r, i, false);
    r->due = clock_now() + r->delay;
    a->begun = clock_nanoseconds();
    int fd = begin(r, &a->address);
    r->begun = true;
    if (fd >= 0) {
        r->set[i].fd = fd;
        r->running++;
    } else if (fd == -ECANCELED) {
        r->error = fd;
        r->next = r->attempts->count;
    } else {
        fail(r, i, fd);
    }
}

/* Waits for the next event. Returns 0, -ECANCELED, -ETIMEDOUT or another -errno. */
static int await(const struct race *r)
{
    bool more = r->next < r->attempts->count;
    uint64_t moment = more ? clock_earlier(r->due, r->plan->deadline) : r->plan->deadline;
    int n = poll(r->set, r->attempts->count + 1, clock_timeout(moment));

    if (n < 0 && errno != EINTR)
        return -errno;
    if (n > 0 && r->set[r->attempts->count].revents)
        return -ECANCELED;
    return n <= 0 && clock_now() >= r->plan->deadline ? -ETIMEDOUT : 0;
}

/* Handles the events. Returns the index of an attempt that has connected, or -1. */
static ssize_t take_results(struct race *r)
{
    for (size_t i = 0; i < r->next; i++) {
        if (r->set[i].fd < 0 || !r->set[i].revents)
            continue;
        int error = finish(r, r->set[i].fd, &r->attempts->list[i].address);
        if (error == 0)
            return (ssize_t)i;
        fd_close(&r->set[i].fd);
        r->running--;
        fail(r, i, error);
    }
    return -1;
}

/* Ends the attempts that are still running at the deadline. */
static void time_out(struct race *r)
{
    for (size_t i = 0; i < r->next; i++)
        if (r->set[i].fd >= 0) {
            fd_close(&r->set[i].fd);
            fail(r, i, -ETIMEDOUT);
        }
    r->running = 0;
}

/* Whether another address may be tried: not after the deadline. */
static bool may_begin(const struct race *r)
{
    uint64_t now = clock_now();

    if (r->next == r->attempts->count || (r->begun && now >= r->plan->deadline))
        return false;
    return r->running == 0 || now >= r->due;
}

/* Runs the race. Returns the index of the attempt that won, or -errno. */
static ssize_t run(struct race *r)
{
    for (;;) {
        if (may_begin(r)) {
            begin_next(r);
            continue;
        }
        if (r->running == 0)
            return r->error;
        int error = await(r);
        if (error < 0 && error != -ETIMEDOUT)
            return error;
        ssize_t winner = error == 0 ? take_results(r) : -1;
        if (winner >= 0)
            return winner;
        if (error == -ETIMEDOUT)
            time_out(r);
    }
}

int race_connect(struct attempts *attempts, size_t first, const struct connect_plan *plan,
                 const struct race_watch *watch, size_t *winner)
{
    struct race r = {
        .attempts = attempts,
        .plan = plan,
        .watch = watch,
        .next = first,
        .delay = race_delay(attempts->count - first, plan->deadline),
        .set = memory_zeroed(attempts->count + 1, sizeof(*r.set)),
        .error = -ETIMEDOUT,
    };
    int fd = -1;

    for (size_t i = 0; i < attempts->count; i++)
        r.set[i] = (struct pollfd){.fd = -1, .events = plan->first ? POLLIN : POLLOUT};
    for (size_t i = first; i < attempts->count; i++)
        attempts->list[i].begun = 0, attempts->list[i].error = 0;
    r.set[attempts->count] = (struct pollfd){.fd = plan->wake, .events = POLLIN};
    ssize_t won = run(&r);
    if (won >= 0) {
        *winner = (size_t)won;
        fd = r.set[won].fd;
        r.set[won].fd = -1;
    }
    for (size_t i = 0; i < attempts->count; i++)
        fd_close(&r.set[i].fd);
    free(r.set);
    return won >= 0 ? fd : (int)won;
}

int race_single(const struct address *address, const struct connect_plan *plan)
{
    struct attempt attempt = {.address = *address};
    struct attempts attempts = {.list = &attempt, .count = 1};
    size_t winner;

    return race_connect(&attempts, 0, plan, NULL, &winner);
}
