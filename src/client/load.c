#include "client/load.h"

#include "base/clock.h"
#include "client/output.h"
#include "client/stop.h"
#include "client/wait.h"

#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>

static uint64_t nanoseconds(uint64_t moment)
{
    return moment == NEVER ? NEVER : moment * NSEC_PER_USEC;
}

/* Lets go who waited too long, and begins what is due. Returns the moment of the next change. */
static uint64_t prepare(struct load *l)
{
    uint64_t moment = clock_earlier(l->patient, nanoseconds(l->tick));
    uint64_t due = schedule_due(&l->schedule, l->calls->started), now = clock_nanoseconds();

    for (uint64_t i = 0; i < l->own->connections; i++) {
        struct caller *c = &l->callers[i];
        caller_expire(c, now / NSEC_PER_USEC);
        if (!c->busy && due <= now) {
            caller_start(c, due);
            due = schedule_due(&l->schedule, l->calls->started);
        }
        l->set[i].fd = c->busy ? c->trip.fd : -1;
        l->set[i].events = c->busy ? caller_events(c) : 0;
        moment = clock_earlier(moment, c->busy ? nanoseconds(c->due) : due);
    }
    return moment;
}

static bool is_idle(const struct load *l)
{
    for (uint64_t i = 0; i < l->own->connections; i++)
        if (l->callers[i].busy)
            return false;
    return true;
}

static void hear(struct load *l)
{
    enum wish wish = stop_take(l->set[l->own->connections].fd);

    if (wish == WISH_INTERIM)
        load_progress(l, "", "\n");
    l->over = l->over || wish == WISH_STOP;
}

static void take_turn(struct load *l, uint64_t moment)
{
    int n = wait_poll(l->set, l->own->connections + 1, moment);

    for (uint64_t i = 0; n > 0 && i < l->own->connections; i++)
        if (l->set[i].fd >= 0 && l->set[i].revents)
            caller_move(&l->callers[i]);
    if (n > 0 && l->set[l->own->connections].revents)
        hear(l);
    if (clock_now() < l->tick)
        return;
    fflush(stdout);
    if (l->progress)
        load_progress(l, "\r", " ");
    l->tick += USEC_PER_SEC;
}

/* Whether all that is due has been begun, and is over. What is not scheduled ends with the time. */
static bool is_done(const struct load *l)
{
    uint64_t now = clock_nanoseconds(), due = schedule_due(&l->schedule, l->calls->started);

    if (now >= l->patient)
        return true;
    if (now < l->schedule.end && !(l->own->count && l->calls->started >= l->own->count))
        return false;
    return due == NEVER && is_idle(l);
}

static void begin(struct load *l)
{
    uint64_t timeout = l->calls->common->timeout, now = clock_nanoseconds();

    l->schedule = (struct schedule){
        .begin = now,
        .end = l->own->time ? now + l->own->time * NSEC_PER_USEC : NEVER,
        .rate = l->own->rate,
        .count = l->own->count,
    };
    l->calls->scheduled = l->own->rate > 0;
    l->calls->begin = now;
    l->patient = l->schedule.end;
    if (l->own->rate && l->own->time)
        l->patient = timeout ? l->schedule.end + timeout * NSEC_PER_USEC : NEVER;
    l->tick = now / NSEC_PER_USEC + USEC_PER_SEC;
    prctl(PR_SET_TIMERSLACK, 1UL); /* 50 us else, by which every connection would be late */
}

void load_run(struct load *l)
{
    begin(l);
    while (!l->over && output_works() && !is_done(l)) {
        uint64_t moment = prepare(l);
        if (!is_done(l))
            take_turn(l, moment);
    }
    l->ended = clock_nanoseconds();
}
