#include "daemon/datagrams.h"

#include "base/clock.h"
#include "base/memory.h"
#include "daemon/clients.h"
#include "daemon/server.h"
#include "daemon/datagram_log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Between the end of a worker and the next one: doubled each time, until one has lived a minute. */
#define FIRST_PAUSE (250 * USEC_PER_MSEC)
#define LONGEST_PAUSE (30 * USEC_PER_SEC)
#define LONG_LIFE (60 * USEC_PER_SEC)

#define SUMMARY_TIME (60 * USEC_PER_SEC)
/* How long a worker that is to end has for it; at a reload one may still wait for a message to be
 * stored. */
#define ENDING_TIME (2 * USEC_PER_SEC)
#define RETIRING_TIME (35 * USEC_PER_SEC)

static bool is_datagram(const struct listener *listener)
{
    return protocol_type(listener->settings->protocol) == SOCK_DGRAM;
}

size_t datagrams_wanted(const struct listeners *listeners)
{
    size_t count = 0;

    for (size_t i = 0; i < listeners->count; i++)
        count += is_datagram(&listeners->item[i]);
    return count;
}

size_t datagrams_live(const struct datagrams *datagrams)
{
    size_t live = 0;

    for (size_t i = 0; i < datagrams->count; i++)
        live += datagrams->item[i].job != 0;
    return live;
}

/* ---- ending them ---- */

void datagrams_restore(struct datagrams *datagrams, const struct datagram_worker *worker)
{
    datagrams->item = array_append(datagrams->item, &datagrams->count, sizeof(*datagrams->item));
    datagrams->item[datagrams->count - 1] = *worker;
}

static void retire_all(struct server *server, uint64_t time)
{
    struct datagrams *datagrams = &server->datagrams;

    for (size_t i = 0; i < datagrams->count; i++) {
        struct datagram_worker *worker = &datagrams->item[i];
        worker->listener = NULL;
        if (!worker->job)
            continue;
        clients_signal_datagrams(server, worker, SIGTERM);
        worker->kill_at = clock_now() + time;
    }
}

void datagrams_stop(struct server *server)
{
    retire_all(server, ENDING_TIME);
}

void datagrams_retire(struct server *server)
{
    retire_all(server, RETIRING_TIME);
}

void datagrams_close(struct datagrams *datagrams)
{
    slots_close(&datagrams->slots);
    free(datagrams->own_ports.item);
    free(datagrams->item);
    *datagrams = (struct datagrams)DATAGRAMS_NONE;
}

/* ---- starting them ---- */

static void wait_before(struct datagram_worker *worker, uint64_t now)
{
    uint64_t doubled = 2 * worker->pause;

    worker->pause = worker->pause == 0        ? FIRST_PAUSE
                    : doubled < LONGEST_PAUSE ? doubled
                                              : LONGEST_PAUSE;
    worker->retry_at = now + worker->pause;
}

void datagrams_failed(struct server *server, struct datagram_worker *worker, int error)
{
    fork_servers_done(&server->fork_servers, worker->server, false);
    scribe_process_disconnect(&server->scribe, worker->store);
    worker->job = 0;
    wait_before(worker, clock_now());
    datagram_log_failure(&server->log, worker, error);
}

static void start(struct server *server, struct datagram_worker *worker)
{
    struct datagrams *datagrams = &server->datagrams;
    const struct listener *listener = worker->listener;
    struct submitted submitted = {.id = jobs_datagram_id(&server->jobs, worker->slot)};

    slots_take(&datagrams->slots, worker->slot);
    worker->since = clock_now();
    int r = jobs_submit_datagrams(&server->jobs, &submitted, listener->fd, datagrams->slots.memory,
                                  &listener->address, listener->settings, &datagrams->own_ports);
    if (r < 0) {
        wait_before(worker, worker->since);
        if (r != -EAGAIN)
            datagram_log_failure(&server->log, worker, -r);
        return;
    }
    worker->job = submitted.id;
    worker->pid = 0;
    worker->server = submitted.server;
    worker->store = submitted.store;
}

static bool is_used(const struct datagrams *datagrams, size_t slot)
{
    for (size_t i = 0; i < datagrams->count; i++)
        if (datagrams->item[i].slot == slot)
            return true;
    return false;
}

static size_t free_slot(const struct datagrams *datagrams)
{
    size_t slot = 0;

    while (is_used(datagrams, slot))
        slot++;
    return slot;
}

static void add_worker(struct datagrams *datagrams, const struct listener *listener)
{
    struct datagram_worker worker = {
        .slot = free_slot(datagrams), .listener = listener, .service = listener->settings->service};

    snprintf(worker.name, sizeof(worker.name), "%s", listener->settings->name);
    address_format(&listener->address, worker.address, sizeof(worker.address));
    datagrams_restore(datagrams, &worker);
}

static void add_port(struct ports *ports, const struct listener *listener)
{
    if (!address_is_ip(&listener->address))
        return;
    ports->item = array_append(ports->item, &ports->count, sizeof(*ports->item));
    ports->item[ports->count - 1] = address_port(&listener->address);
}

static int make_slots(struct datagrams *datagrams)
{
    size_t count = 0;

    for (size_t i = 0; i < datagrams->count; i++)
        if (datagrams->item[i].slot >= count)
            count = datagrams->item[i].slot + 1;
    if (count == 0)
        return 0;
    return datagrams->slots.memory < 0 ? slots_open(&datagrams->slots, count)
                                       : slots_resize(&datagrams->slots, count);
}

int datagrams_start(struct server *server)
{
    struct datagrams *datagrams = &server->datagrams;
    const struct listeners *listeners = &server->listeners;

    for (size_t i = 0; i < listeners->count; i++) {
        if (!is_datagram(&listeners->item[i]))
            continue;
        add_worker(datagrams, &listeners->item[i]);
        add_port(&datagrams->own_ports, &listeners->item[i]);
    }
    int r = make_slots(datagrams);
    for (size_t i = 0; i < datagrams->count && r == 0; i++)
        if (datagrams->item[i].listener)
            start(server, &datagrams->item[i]);
    datagrams->summary_at = clock_now() + SUMMARY_TIME;
    return r;
}

/* ---- when one has ended ---- */

struct datagram_worker *datagrams_find(const struct datagrams *datagrams, uint64_t job)
{
    for (size_t i = 0; i < datagrams->count; i++)
        if (datagrams->item[i].job == job)
            return &datagrams->item[i];
    return NULL;
}

struct datagram_worker *datagrams_find_process(const struct datagrams *datagrams, pid_t pid)
{
    for (size_t i = 0; i < datagrams->count; i++)
        if (datagrams->item[i].job && datagrams->item[i].pid == pid)
            return &datagrams->item[i];
    return NULL;
}

struct tallies datagrams_counted(const struct datagrams *datagrams,
                                 const struct datagram_worker *worker)
{
    if (!worker->job)
        return worker->ended;
    struct tallies now = tallies_of(slots_at(&datagrams->slots, worker->slot));
    return tallies_sum(&worker->ended, &now);
}

void datagrams_ended(struct server *server, struct datagram_worker *worker, int status)
{
    uint64_t now = clock_now();
    const struct slot *slot = slots_at(&server->datagrams.slots, worker->slot);
    struct tallies last = tallies_of(slot);

    server->totals.tallies = tallies_sum(&server->totals.tallies, &last);
    worker->ended = tallies_sum(&worker->ended, &last);
    fork_servers_done(&server->fork_servers, worker->server, worker->pid > 0);
    scribe_process_disconnect(&server->scribe, worker->store);
    worker->job = 0;
    if (!worker->listener)
        return;
    if (now - worker->since >= LONG_LIFE)
        worker->pause = 0;
    wait_before(worker, now);
    server->totals.crashed += datagram_end_is_crash(status);
    clients_follow_crash(server, worker->server, status);
    datagram_log_end(&server->log, worker, status, slot);
}

/* ---- as time passes ---- */

void datagrams_summarise(struct server *server)
{
    struct datagrams *datagrams = &server->datagrams;

    for (size_t i = 0; i < datagrams->count; i++) {
        struct datagram_worker *worker = &datagrams->item[i];
        struct tallies counted = datagrams_counted(datagrams, worker);
        struct tallies news = tallies_difference(&counted, &worker->told);
        worker->told = counted;
        if (tallies_any(&news) && server->settings->server->log_sessions)
            datagram_log_counts(&server->log, worker, &news);
    }
}

static void check_one(struct server *server, struct datagram_worker *worker, uint64_t now)
{
    if (worker->job && worker->kill_at && now >= worker->kill_at) {
        worker->kill_at = 0;
        clients_signal_datagrams(server, worker, SIGKILL);
    }
    if (!worker->job && worker->listener && now >= worker->retry_at)
        start(server, worker);
}

void datagrams_check(struct server *server, uint64_t now)
{
    struct datagrams *datagrams = &server->datagrams;

    for (size_t i = 0; i < datagrams->count; i++)
        check_one(server, &datagrams->item[i], now);
    if (now < datagrams->summary_at)
        return;
    datagrams->summary_at = now + SUMMARY_TIME;
    datagrams_summarise(server);
}

uint64_t datagrams_next(const struct datagrams *datagrams)
{
    uint64_t next = datagrams->count > 0 ? datagrams->summary_at : UINT64_MAX;

    for (size_t i = 0; i < datagrams->count; i++) {
        const struct datagram_worker *worker = &datagrams->item[i];
        uint64_t at = worker->job ? worker->kill_at : worker->listener ? worker->retry_at : 0;
        if (at && at < next)
            next = at;
    }
    return next;
}
