#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 32, EVENTS = 64, LAST_WAIT_MS = 10000 };

static const char data[SIZE + 1] = "0123456789abcdefghijklmnopqrstuv";

struct slot {
    int fd; /* -1: not in use */
    bool sent;
    size_t received;
    char reply[SIZE];
};

struct run {
    struct load *load;
    int poller;
    long count, started, active, done, errors;
    double deadline;
};

static bool echo_blocking(struct load *load)
{
    char reply[SIZE];
    int fd = load_connect(load, 0);

    if (fd < 0)
        return false;
    bool good = send(fd, data, SIZE, MSG_NOSIGNAL) == SIZE &&
                recv(fd, reply, SIZE, MSG_WAITALL) == SIZE && memcmp(data, reply, SIZE) == 0;
    close(fd);
    return good;
}

static void run_blocking(struct run *run)
{
    for (; run->done + run->errors < run->count; run->done++) {
        if (load_now() > run->deadline || run->errors >= LOAD_ERRORS_MAX)
            return;
        if (!echo_blocking(run->load)) {
            run->errors++;
            run->done--;
        }
    }
}

static bool may_start(const struct run *run)
{
    return run->started < run->count && run->errors < LOAD_ERRORS_MAX && load_now() < run->deadline;
}

/* Connects, and sends at once if the connection is already established, as it is on loopback. */
static bool start_one(struct run *run, struct slot *slot)
{
    struct epoll_event event = {.data.ptr = slot};
    int fd = load_connect(run->load, SOCK_NONBLOCK);

    if (fd < 0)
        return false;
    ssize_t sent = send(fd, data, SIZE, MSG_NOSIGNAL);
    if (sent != SIZE && !(sent < 0 && errno == EAGAIN)) {
        close(fd);
        return false;
    }
    *slot = (struct slot){.fd = fd, .sent = sent == SIZE};
    event.events = slot->sent ? EPOLLIN : EPOLLOUT;
    epoll_ctl(run->poller, EPOLL_CTL_ADD, fd, &event);
    run->active++;
    return true;
}

static void start(struct run *run, struct slot *slot)
{
    while (may_start(run)) {
        run->started++;
        if (start_one(run, slot))
            return;
        run->errors++;
    }
}

static void finish(struct run *run, struct slot *slot, bool good)
{
    close(slot->fd);
    slot->fd = -1;
    run->active--;
    if (good)
        run->done++;
    else
        run->errors++;
    start(run, slot);
}

static void send_late(struct run *run, struct slot *slot)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = slot};

    if (send(slot->fd, data, SIZE, MSG_NOSIGNAL) != SIZE) {
        finish(run, slot, false);
        return;
    }
    slot->sent = true;
    epoll_ctl(run->poller, EPOLL_CTL_MOD, slot->fd, &event);
}

static void handle(struct run *run, struct slot *slot)
{
    if (!slot->sent) {
        send_late(run, slot);
        return;
    }
    ssize_t size = recv(slot->fd, slot->reply + slot->received, SIZE - slot->received, 0);
    if (size <= 0) {
        finish(run, slot, false);
        return;
    }
    slot->received += (size_t)size;
    if (slot->received == SIZE)
        finish(run, slot, memcmp(data, slot->reply, SIZE) == 0);
}

/* Connections that are open at the deadline may finish; those that do not count as errors. */
static void run_at_once(struct run *run, struct slot *slots, long clients)
{
    struct epoll_event events[EVENTS];

    for (long i = 0; i < clients; i++)
        start(run, &slots[i]);
    while (run->active > 0 && load_now() < run->deadline + LAST_WAIT_MS / 1e3) {
        int count = epoll_wait(run->poller, events, EVENTS, LAST_WAIT_MS);
        for (int i = 0; i < count; i++)
            handle(run, events[i].data.ptr);
    }
    run->errors += run->active;
}

int load_short(struct load *load, long clients, long count, double seconds)
{
    double begin = load_now();
    struct run run = {.load = load,
                      .poller = epoll_create1(EPOLL_CLOEXEC),
                      .count = count,
                      .deadline = begin + seconds};
    struct slot *slots = calloc((size_t)clients, sizeof(*slots));

    if (!slots || run.poller < 0)
        return 71;
    load_raise_files(clients);
    load_limit_time(seconds);
    if (clients == 1)
        run_blocking(&run);
    else
        run_at_once(&run, slots, clients);
    load_report(run.done, load_now() - begin, run.errors);
    free(slots);
    return 0;
}
