#include "daemon/admission/accept.h"

#include "base/clock.h"
#include "daemon/admission/admit.h"
#include "daemon/listen/listener_pause.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* How many connections to accept from a listener before others and signals have their turn. */
#define BATCH 64

/* Whether ERROR of accept(2) concerns only one connection, so that the next can be accepted. */
static bool is_about_one(int error)
{
    static const int errors[] = {EINTR,       ECONNABORTED, EPROTO,       ENETDOWN,
                                 EHOSTDOWN,   ENONET,       EHOSTUNREACH, EOPNOTSUPP,
                                 ENETUNREACH, ENOPROTOOPT,  ETIMEDOUT};

    for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
        if (errors[i] == error)
            return true;
    return false;
}

/* Returns 0, or -errno of accept(2). */
static int accept_one(struct admission *admission, const struct listener *listener)
{
    struct address peer = {.len = sizeof(peer.storage)};
    int client = accept4(listener->fd, &peer.sa, &peer.len, SOCK_CLOEXEC);

    if (client < 0)
        return -errno;
    address_normalise(&peer);
    if (!address_is_ip(&peer))
        address_learn_user(&peer, client);
    admission_decide(admission, client, &peer, listener->settings);
    return 0;
}

/* Whether another process that shares the socket FD has shut it down. poll(2) then reports a Unix
 * socket as readable, and accept(2) fails with EAGAIN. */
static bool is_shut_down(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};

    return poll(&p, 1, 0) > 0;
}

/* Decides what follows from R, the result of the last accept(2). LASTS: every connection of the
 * batch failed, so the listener is paused, because the loop would spin. */
static void judge(struct admission *admission, struct listener *listener, int r, bool lasts)
{
    if (r == 0 || r == -EAGAIN || (is_about_one(-r) && !lasts))
        listener_resume(listener, admission->log);
    else if (admit_is_shortage(r))
        admission_pause(admission, "cannot accept a connection", -r);
    else
        listener_pause(listener, -r, admission->log, clock_now());
}

void accept_from(struct admission *admission, struct listener *listener)
{
    uint64_t now = clock_now();
    int r = 0, tries = 0, errors = 0;

    admission_reconsider(admission, now); /* waiting clients have connected earlier */
    while (tries < BATCH && (r == 0 || is_about_one(-r)) && admission_is_open(admission, now)) {
        r = accept_one(admission, listener);
        tries++;
        errors += r < 0;
    }
    if (r == -EAGAIN && tries == 1 && is_shut_down(listener->fd))
        r = -EINVAL;
    if (tries > 0)
        judge(admission, listener, r, errors == BATCH);
}

void accept_retry(struct admission *admission, struct listeners *listeners)
{
    uint64_t now = clock_now();

    for (size_t i = 0; i < listeners->count; i++) {
        struct listener *listener = &listeners->item[i];
        if (listener->paused_until && now >= listener->paused_until &&
            admission_is_open(admission, now))
            accept_from(admission, listener);
    }
}
