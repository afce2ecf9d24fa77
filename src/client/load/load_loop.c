#include "client/load/load_loop.h"

#include "base/clock.h"
#include "client/io/interrupts.h"
#include "client/io/output.h"
#include "client/io/wait.h"

#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>

static uint64_t nanoseconds(uint64_t moment)
{
    return moment == NEVER ? NEVER : moment * NSEC_PER_USEC;
}

/* Ends connections that have timed out, and begins those that are due. Returns the time of the next
 * change. */
static uint64_t prepare(struct load *l)
{
    uint64_t moment = clock_earlier(l->patient, nanoseconds(l->tick));
    uint64_t due = schedule_due(&l->schedule, l->totals->started), now = clock_nanoseconds();

    for (uint64_t i = 0; i < l->opts->connections; i++) {
        struct load_connection *c = &l->connections[i];
        load_connection_expire(c, now / NSEC_PER_USEC);
        if (!c->busy && due <= now) {
            load_connection_start(c, due);
            due = schedule_due(&l->schedule, l->totals->started);
        }
        l->set[i].fd = c->busy ? c->stream.fd : -1;
        l->set[i].events = c->busy ? load_connection_events(c) : 0;
        moment = clock_earlier(moment, c->busy ? nanoseconds(c->due) : due);
    }
    return moment;
}

static bool is_idle(const struct load *l)
{
    for (uint64_t i = 0; i < l->opts->connections; i++)
        if (l->connections[i].busy)
            return false;
    return true;
}

static void take_interrupt(struct load *l)
{
    enum interrupt interrupt = interrupts_take(l->set[l->opts->connections].fd);

    if (interrupt == INTERRUPT_INTERIM)
        load_progress(l, "", "\n");
    l->over = l->over || interrupt == INTERRUPT_STOP;
}

static void run_once(struct load *l, uint64_t moment)
{
    int n = wait_poll(l->set, l->opts->connections + 1, moment);

    for (uint64_t i = 0; n > 0 && i < l->opts->connections; i++)
        if (l->set[i].fd >= 0 && l->set[i].revents)
            load_connection_move(&l->connections[i]);
    if (n > 0 && l->set[l->opts->connections].revents)
        take_interrupt(l);
    if (clock_now() < l->tick)
        return;
    fflush(stdout);
    if (l->progress)
        load_progress(l, "\r", " ");
    l->tick += USEC_PER_SEC;
}

/* Whether all connections that were due have ended. Without a schedule, the time decides. */
static bool is_done(const struct load *l)
{
    uint64_t now = clock_nanoseconds(), due = schedule_due(&l->schedule, l->totals->started);

    if (now >= l->patient)
        return true;
    if (now < l->schedule.end && !(l->opts->count && l->totals->started >= l->opts->count))
        return false;
    return due == NEVER && is_idle(l);
}

static void begin(struct load *l)
{
    uint64_t timeout = l->totals->common->timeout, now = clock_nanoseconds();

    l->schedule = (struct schedule){
        .begin = now,
        .end = l->opts->time ? now + l->opts->time * NSEC_PER_USEC : NEVER,
        .rate = l->opts->rate,
        .count = l->opts->count,
    };
    l->totals->scheduled = l->opts->rate > 0;
    l->totals->begin = now;
    l->patient = l->schedule.end;
    if (l->opts->rate && l->opts->time)
        l->patient = timeout ? l->schedule.end + timeout * NSEC_PER_USEC : NEVER;
    l->tick = now / NSEC_PER_USEC + USEC_PER_SEC;
    prctl(PR_SET_TIMERSLACK, 1UL); /* by default 50 us, by which each connection would be late */
}

void load_run(struct load *l)
{
    begin(l);
    while (!l->over && output_works() && !is_done(l)) {
        uint64_t moment = prepare(l);
        if (!is_done(l))
            run_once(l, moment);
    }
    l->ended = clock_nanoseconds();
}
