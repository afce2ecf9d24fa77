#include "scribe/askers.h"

#include "base/rights.h"
#include "base/span.h"
#include "base/util.h"
#include "scribe/letter.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A worker sends at once; one that does not is ended, and asks again if it still wants to. */
#define PATIENCE USEC_PER_SEC

void askers_init(struct askers *askers, int listener, enum sink sink)
{
    *askers = (struct askers){.listener = listener, .sink = sink};
    for (size_t i = 0; i < ASKERS_MAX; i++)
        askers->item[i].fd = -1;
}

static struct asker *free_place(const struct askers *askers)
{
    for (size_t i = 0; i < ASKERS_MAX; i++)
        if (askers->item[i].fd < 0)
            return (struct asker *)&askers->item[i];
    return NULL;
}

void askers_watch(const struct askers *askers, struct pollfd *polled)
{
    polled[0] = (struct pollfd){.fd = free_place(askers) ? askers->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < ASKERS_MAX; i++)
        polled[i + 1] = (struct pollfd){.fd = askers->item[i].fd, .events = POLLIN};
}

uint64_t askers_next(const struct askers *askers)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < ASKERS_MAX; i++)
        if (askers->item[i].fd >= 0 && askers->item[i].deadline < next)
            next = askers->item[i].deadline;
    return next;
}

/* Whether the peer of FD is a process of ours that does not ask already: an abstract address keeps
 * nobody from connecting. *PID is its process. */
static bool may_ask(const struct askers *askers, int fd, pid_t *pid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != geteuid())
        return false;
    for (size_t i = 0; i < ASKERS_MAX; i++)
        if (askers->item[i].fd >= 0 && askers->item[i].pid == peer.pid)
            return false;
    *pid = peer.pid;
    return true;
}

static void welcome(struct askers *askers)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    struct asker *place = free_place(askers);
    struct asker asker = {.deadline = clock_now() + PATIENCE};

    asker.fd = accept4(askers->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (asker.fd < 0 && errno != EAGAIN && errno != ECONNABORTED)
        nanosleep(&pause, NULL); /* out of descriptors: lest poll(2) returns at once for ever */
    if (asker.fd < 0)
        return;
    if (may_ask(askers, asker.fd, &asker.pid))
        *place = asker;
    else
        rights_close(&asker.fd);
}

static void answer(const struct askers *askers, struct asker *asker)
{
    static char buf[LETTER_MAX];
    ssize_t n = rights_receive(asker->fd, buf, sizeof(buf));
    size_t size;

    if (n > 0) {
        const char *record = letter_vet(buf, (size_t)n, asker->pid, &size);
        unsigned char status = (unsigned char)-sink_write(askers->sink, record, size);
        if (send(asker->fd, &status, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            errno = 0; /* it waits no longer, and asks again if it still wants to know */
    }
    rights_close(&asker->fd);
}

void askers_attend(struct askers *askers, const struct pollfd *polled)
{
    for (size_t i = 0; i < ASKERS_MAX; i++) {
        struct asker *asker = &askers->item[i];
        if (asker->fd < 0)
            continue;
        if (polled[i + 1].revents)
            answer(askers, asker);
        else if (clock_now() >= asker->deadline)
            rights_close(&asker->fd);
    }
    if (polled[0].revents)
        welcome(askers);
}
