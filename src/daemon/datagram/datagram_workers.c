#include "daemon/datagram/datagram_workers.h"

#include "base/clock.h"
#include "base/memory.h"
#include "daemon/datagram/datagram_log.h"
#include "daemon/supervise/crash.h"
#include "daemon/supervise/worker_signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* The delay before the next worker: doubled each time, until one has run for a minute. */
#define FIRST_PAUSE (250 * USEC_PER_MSEC)
#define LONGEST_PAUSE (30 * USEC_PER_SEC)
#define LONG_LIFE (60 * USEC_PER_SEC)

#define SUMMARY_TIME (60 * USEC_PER_SEC)
/* How long a worker may take to end after SIGTERM. At a reload, it may still have to wait until a
 * message is stored. */
#define ENDING_TIME (2 * USEC_PER_SEC)
#define RETIRING_TIME (35 * USEC_PER_SEC)

static bool is_datagram(const struct listener *listener)
{
    return protocol_type(listener->settings->protocol) == SOCK_DGRAM;
}

size_t datagram_workers_live(const struct datagram_workers *workers)
{
    size_t live = 0;

    for (size_t i = 0; i < workers->count; i++)
        live += workers->item[i].job != 0;
    return live;
}

/* ---- stopping ---- */

void datagram_workers_add(struct datagram_workers *workers, const struct datagram_worker *worker)
{
    workers->item = array_append(workers->item, &workers->count, sizeof(*workers->item));
    workers->item[workers->count - 1] = *worker;
}

static void send_signal(struct datagram_workers *workers, struct datagram_worker *worker,
                        int number)
{
    worker->signal = number;
    worker_signal(workers->jobs->servers, &worker->signal, worker->pid, worker->server);
}

void datagram_workers_signal_held(struct datagram_workers *workers, uint32_t number)
{
    for (size_t i = 0; i < workers->count; i++) {
        struct datagram_worker *worker = &workers->item[i];
        if (worker->job && worker->server == number)
            worker_signal_held(&worker->signal, worker->pid);
    }
}

static void retire_all(struct datagram_workers *workers, uint64_t time)
{
    for (size_t i = 0; i < workers->count; i++) {
        struct datagram_worker *worker = &workers->item[i];
        worker->listener = NULL;
        if (!worker->job)
            continue;
        send_signal(workers, worker, SIGTERM);
        worker->kill_at = clock_now() + time;
    }
}

void datagram_workers_stop(struct datagram_workers *workers)
{
    retire_all(workers, ENDING_TIME);
}

void datagram_workers_retire(struct datagram_workers *workers)
{
    retire_all(workers, RETIRING_TIME);
}

void datagram_workers_close(struct datagram_workers *workers)
{
    slots_close(&workers->slots);
    free(workers->own_ports.item);
    free(workers->item);
    workers->own_ports = (struct ports){0};
    workers->item = NULL;
    workers->count = 0;
}

/* ---- starting ---- */

static void wait_before(struct datagram_worker *worker, uint64_t now)
{
    uint64_t doubled = 2 * worker->pause;

    worker->pause = worker->pause == 0        ? FIRST_PAUSE
                    : doubled < LONGEST_PAUSE ? doubled
                                              : LONGEST_PAUSE;
    worker->retry_at = now + worker->pause;
}

void datagram_workers_failed(struct datagram_workers *workers, struct datagram_worker *worker,
                             int error)
{
    jobs_done(workers->jobs, worker->server, worker->store, false);
    worker->job = 0;
    wait_before(worker, clock_now());
    datagram_log_failure(workers->log, worker, error);
}

/* Makes as many slots as the workers need. Returns 0 or -errno. */
static int make_slots(struct datagram_workers *workers)
{
    size_t count = 0;

    for (size_t i = 0; i < workers->count; i++)
        if (workers->item[i].slot >= count)
            count = workers->item[i].slot + 1;
    if (count <= workers->slots.count)
        return 0;
    return workers->slots.memory < 0 ? slots_open(&workers->slots, count)
                                     : slots_resize(&workers->slots, count);
}

/* Returns 0 or -errno. */
static int submit(struct datagram_workers *workers, struct datagram_worker *worker)
{
    const struct listener *listener = worker->listener;
    struct submitted submitted = {.id = jobs_datagram_id(workers->jobs, worker->slot)};
    int r = make_slots(workers);

    if (r < 0)
        return r;
    slots_take(&workers->slots, worker->slot);
    r = jobs_submit_datagrams(workers->jobs, &submitted, listener->fd, workers->slots.memory,
                              &listener->address, listener->settings, &workers->own_ports);
    if (r < 0)
        return r;
    worker->job = submitted.id;
    worker->pid = 0;
    worker->server = submitted.server;
    worker->store = submitted.store;
    return 0;
}

static void start(struct datagram_workers *workers, struct datagram_worker *worker)
{
    worker->since = clock_now();
    int r = submit(workers, worker);

    if (r < 0)
        wait_before(worker, worker->since);
    if (r < 0 && r != -EAGAIN)
        datagram_log_failure(workers->log, worker, -r);
}

static bool is_used(const struct datagram_workers *workers, size_t slot)
{
    for (size_t i = 0; i < workers->count; i++)
        if (workers->item[i].slot == slot)
            return true;
    return false;
}

static size_t free_slot(const struct datagram_workers *workers)
{
    size_t slot = 0;

    while (is_used(workers, slot))
        slot++;
    return slot;
}

static void add_worker(struct datagram_workers *workers, const struct listener *listener)
{
    struct datagram_worker worker = {
        .slot = free_slot(workers), .listener = listener, .service = listener->settings->service};

    snprintf(worker.name, sizeof(worker.name), "%s", listener->settings->name);
    address_format(&listener->address, worker.address, sizeof(worker.address));
    datagram_workers_add(workers, &worker);
}

static void add_port(struct ports *ports, const struct listener *listener)
{
    if (!address_is_ip(&listener->address))
        return;
    ports->item = array_append(ports->item, &ports->count, sizeof(*ports->item));
    ports->item[ports->count - 1] = address_port(&listener->address);
}

void datagram_workers_start(struct datagram_workers *workers)
{
    const struct listeners *listeners = workers->listeners;

    for (size_t i = 0; i < listeners->count; i++) {
        if (!is_datagram(&listeners->item[i]))
            continue;
        add_worker(workers, &listeners->item[i]);
        add_port(&workers->own_ports, &listeners->item[i]);
    }
    for (size_t i = 0; i < workers->count; i++)
        if (workers->item[i].listener)
            start(workers, &workers->item[i]);
    workers->summary_at = clock_now() + SUMMARY_TIME;
}

/* ---- ends ---- */

struct datagram_worker *datagram_workers_find(const struct datagram_workers *workers, uint64_t job)
{
    for (size_t i = 0; i < workers->count; i++)
        if (workers->item[i].job == job)
            return &workers->item[i];
    return NULL;
}

struct datagram_worker *datagram_workers_find_process(const struct datagram_workers *workers,
                                                      pid_t pid)
{
    for (size_t i = 0; i < workers->count; i++)
        if (workers->item[i].job && workers->item[i].pid == pid)
            return &workers->item[i];
    return NULL;
}

struct datagram_counters datagram_workers_counted(const struct datagram_workers *workers,
                                                  const struct datagram_worker *worker)
{
    if (!worker->job)
        return worker->ended;
    struct datagram_counters now = datagram_counters_of(slots_at(&workers->slots, worker->slot));
    return datagram_counters_sum(&worker->ended, &now);
}

void datagram_workers_ended(struct datagram_workers *workers, struct datagram_worker *worker,
                            int status)
{
    uint64_t now = clock_now();
    const struct slot *slot = slots_at(&workers->slots, worker->slot);
    struct datagram_counters last = datagram_counters_of(slot);

    workers->counters->datagrams = datagram_counters_sum(&workers->counters->datagrams, &last);
    worker->ended = datagram_counters_sum(&worker->ended, &last);
    jobs_done(workers->jobs, worker->server, worker->store, worker->pid > 0);
    worker->job = 0;
    if (!worker->listener)
        return;
    if (now - worker->since >= LONG_LIFE)
        worker->pause = 0;
    wait_before(worker, now);
    workers->counters->crashed += datagram_end_is_crash(status);
    crash_follow(workers->jobs->servers, workers->log, worker->server, status);
    datagram_log_end(workers->log, worker, status, slot);
}

/* ---- timers ---- */

void datagram_workers_summarise(struct datagram_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++) {
        struct datagram_worker *worker = &workers->item[i];
        struct datagram_counters counted = datagram_workers_counted(workers, worker);
        struct datagram_counters news = datagram_counters_difference(&counted, &worker->logged);
        worker->logged = counted;
        if (datagram_counters_any(&news) && workers->log_counts)
            datagram_log_counts(workers->log, worker, &news);
    }
}

static void check_one(struct datagram_workers *workers, struct datagram_worker *worker,
                      uint64_t now)
{
    if (worker->job && worker->kill_at && now >= worker->kill_at) {
        worker->kill_at = 0;
        send_signal(workers, worker, SIGKILL);
    }
    if (!worker->job && worker->listener && now >= worker->retry_at)
        start(workers, worker);
}

void datagram_workers_run(struct datagram_workers *workers, uint64_t now)
{
    for (size_t i = 0; i < workers->count; i++)
        check_one(workers, &workers->item[i], now);
    if (now < workers->summary_at)
        return;
    workers->summary_at = now + SUMMARY_TIME;
    datagram_workers_summarise(workers);
}

uint64_t datagram_workers_next(const struct datagram_workers *workers)
{
    uint64_t next = workers->count > 0 ? workers->summary_at : UINT64_MAX;

    for (size_t i = 0; i < workers->count; i++) {
        const struct datagram_worker *worker = &workers->item[i];
        uint64_t at = worker->job ? worker->kill_at : worker->listener ? worker->retry_at : 0;
        if (at && at < next)
            next = at;
    }
    return next;
}
