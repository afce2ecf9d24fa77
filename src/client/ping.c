#include "client/ping.h"

#include "base/clock.h"
#include "client/output.h"
#include "client/report.h"
#include "client/stop.h"
#include "client/wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* ---- one thing each ---- */

/* Whether there is nothing more to send: with a deadline, only replies are counted, as by ping(8).
 */
static bool is_complete(const struct ping *p)
{
    return p->own->count > 0 && !p->own->deadline && p->account->sent >= p->own->count;
}

/* Whether there is nothing to wait for until the deadline: there were enough, or an error. */
static bool is_decided(const struct ping *p)
{
    return p->account->errors > 0 ||
           (p->own->count > 0 && account_received(p->account) >= p->own->count);
}

/* Gives up the oldest probe that is awaited, without waiting for it; WHY is NULL if its time is
 * over. */
static void give_up(struct ping *p, struct sent *sent, const char *why)
{
    sent->fate = FATE_OVERDUE;
    if (why)
        account_failure(p->account, sent->seq, why);
    else
        account_overdue(p->account, sent->seq, p->own->wait);
}

/* A datagram met the ERROR: who reported it is in the socket's queue, which has to be emptied. */
static void fail_datagram(struct ping *p, int error)
{
    struct sent *sent = window_oldest(&p->window);
    char words[QUEUED_ERROR_TEXT_MAX];
    struct queued_error queued;
    bool known = trip_take_error(&p->trip, &queued);

    if (sent)
        give_up(p, sent, known ? error_queue_words(&queued, words) : strerror(-error));
}

/* A datagram that nobody wanted is an error of one probe; a connection that broke is the end. */
static void fail(struct ping *p, int error)
{
    char peer[ADDRESS_TEXT_MAX];

    if (p->trip.type == SOCK_DGRAM && error < 0) {
        fail_datagram(p, error);
        return;
    }
    p->broken = true;
    trip_conclude(&p->trip);
    address_format(&p->account->peer, peer, sizeof(peer));
    if (error < 0)
        report_say("the connection to %s broke: %s", peer, strerror(-error));
    else
        report_say("%s closed the connection", peer);
}

static void receive(struct ping *p)
{
    int r = trip_receive(&p->trip);

    if (r != 0)
        fail(p, r);
}

static void send_probe(struct ping *p)
{
    uint64_t now = clock_now();
    int r = trip_send(&p->trip, (uint32_t)p->own->size);

    p->account->sent++;
    /* A delay is not made up for: no bursts. */
    p->next = p->next + p->own->interval > now ? p->next + p->own->interval : now;
    if (p->own->interval == 0)
        p->next = NEVER; /* until there is a reply */
    if (r < 0 && p->trip.type != SOCK_DGRAM)
        receive(p); /* what was said before it broke, and why it did */
    if (r < 0 && !p->broken)
        fail(p, r);
}

static uint64_t due(const struct ping *p, const struct sent *sent)
{
    return p->own->wait ? sent->time / NSEC_PER_USEC + p->own->wait : NEVER;
}

static void give_up_overdue(struct ping *p)
{
    struct sent *sent;
    uint64_t now = clock_now();

    while ((sent = window_oldest(&p->window)) && due(p, sent) <= now) {
        /* A part of it may be there: more of it may come, or the next reply, as long as we stay. */
        if (is_complete(p))
            trip_conclude(&p->trip);
        if (sent->fate == FATE_AWAITED)
            give_up(p, sent, NULL);
    }
}

static void hear(struct ping *p)
{
    switch (stop_take(p->stop)) {
    case WISH_INTERIM:
        account_interim(p->account);
        break;
    case WISH_STOP:
        p->over = true;
        break;
    case WISH_NONE:
        break;
    }
}

/* ---- the loop ---- */

static bool may_send(const struct ping *p)
{
    return !is_complete(p) && !trip_pending(&p->trip);
}

static uint64_t next_moment(struct ping *p)
{
    struct sent *sent = window_oldest(&p->window);
    uint64_t moment = p->deadline;

    if (p->own->interval == 0 && !sent && p->next == NEVER)
        p->next = 0;
    if (may_send(p))
        moment = wait_earlier(moment, p->next);
    return sent ? wait_earlier(moment, due(p, sent)) : moment;
}

static bool goes_on(struct ping *p)
{
    if (p->over || p->broken || !output_works() || clock_now() >= p->deadline)
        return false;
    if (p->own->deadline)
        return !is_decided(p);
    return !is_complete(p) || window_oldest(&p->window);
}

static void take_turn(struct ping *p)
{
    short events = (short)(POLLIN | (trip_pending(&p->trip) ? POLLOUT : 0));
    struct pollfd set[] = {{.fd = p->trip.fd, .events = events}, {.fd = p->stop, .events = POLLIN}};

    if (poll(set, ARRAY_SIZE(set), wait_until(next_moment(p))) < 0)
        return;
    if (set[1].revents)
        hear(p);
    if (set[0].revents & POLLOUT && trip_flush(&p->trip) < 0)
        set[0].revents |= POLLERR;
    if (set[0].revents & (POLLIN | POLLHUP | POLLERR))
        receive(p);
    if (!p->broken)
        give_up_overdue(p);
}

void ping_run(struct ping *p)
{
    p->next = clock_now();
    p->deadline = p->common->deadline;
    while (goes_on(p)) {
        if (may_send(p) && clock_now() >= p->next)
            send_probe(p);
        if (goes_on(p)) /* the last probe may have failed at once */
            take_turn(p);
    }
}
