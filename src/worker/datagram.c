#include "worker/datagram.h"

#include "base/clock.h"
#include "net/rate.h"
#include "worker/datagram_batch.h"
#include "worker/datagram_rules.h"
#include "worker/datagram_service.h"
#include "worker/datagram_repeats.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Size of the rate table: half a megabyte, of which only used pages take memory. If there are more
 * sources than buckets, some sources may exceed the rate; none gets less. */
#define RATE_SETS 2048
/* How many batches are still answered after SIGTERM. */
#define LAST_BATCHES 64
/* How many times in a row the socket may be ready with nothing to receive. */
#define EMPTY_ROUNDS 16

/* All memory is fixed: nothing grows with the traffic or the number of senders. */
struct serving {
    const struct worker *worker;
    struct datagram_service service;
    struct rate_table rates;
    struct rate_bucket buckets[RATE_SETS * RATE_WAYS];
    struct datagram_repeats repeats;
    struct datagram_batch batch;
};

static void set_title(const struct worker *worker)
{
    const struct job *job = worker->job;
    char address[ADDRESS_TEXT_MAX];

    title_set(worker->title, "echod: %s %s %s %s", protocol_name(job->options.protocol),
              address_format_by(worker->socket, &job->peer, address, sizeof(address)),
              job->options.listener, service_name(job->options.service));
}

static void count(const struct serving *serving, enum datagram_counter counter, uint64_t more)
{
    slot_count(&serving->worker->slot->counter[counter], more);
}

static bool is_denied(const struct worker *worker, const struct address *peer)
{
    const struct datagram_options *options = &worker->job->datagrams;

    return cidrs_find_by(worker->socket, &options->deny, peer) ||
           (options->allow.count > 0 && !cidrs_find_by(worker->socket, &options->allow, peer));
}

/* Whether D from PEER is likely to be the answer to an answer. Daytime ignores the data, so its
 * datagrams from one address count as equal. */
static enum datagram_counter judge_repeats(struct serving *serving, const struct datagram *d,
                                           const struct address *peer, uint64_t now)
{
    bool ignored = serving->worker->job->options.service == SERVICE_DAYTIME;
    size_t len = ignored ? 0 : d->len < BATCH_BUFFER ? d->len : BATCH_BUFFER;

    if (!serving->service.answers)
        return DATAGRAM_COUNTERS;
    return datagram_repeats_is_loop(&serving->repeats, peer, d->data, len, now) ? COUNTER_LOOP
                                                                                : DATAGRAM_COUNTERS;
}

/* Of the rules, only that against loops applies to Unix sockets: the mode limits who sends, but a
 * sender may replace its own file by a link to another server's. */
static enum datagram_counter judge(struct serving *serving, const struct datagram *d,
                                   const struct address *peer)
{
    const struct datagram_options *options = &serving->worker->job->datagrams;
    struct address to = d->to;
    uint64_t now = clock_now();

    if (!address_is_ip(peer))
        return judge_repeats(serving, d, peer, now);
    address_normalise(&to);
    if (is_denied(serving->worker, peer))
        return COUNTER_DENIED;
    enum datagram_counter verdict = serving->service.answers
                                        ? datagram_judge(&options->own_ports, peer, &to, d->unicast)
                                        : DATAGRAM_COUNTERS;
    if (verdict != DATAGRAM_COUNTERS)
        return verdict;
    struct source_key source = address_source(peer, &options->source_prefix);
    if (rate_take(&serving->rates, &options->rate, &source, now) > 0)
        return COUNTER_RATE;
    return judge_repeats(serving, d, peer, now);
}

static void serve_one(struct serving *serving, struct datagram *d)
{
    struct address peer = d->peer;

    address_normalise(&peer);
    count(serving, COUNTER_IN, 1);
    count(serving, COUNTER_BYTES_IN, d->len);
    enum datagram_counter verdict = judge(serving, d, &peer);
    if (verdict == DATAGRAM_COUNTERS)
        verdict = datagram_serve(&serving->service, d, &peer);
    if (verdict != DATAGRAM_COUNTERS)
        count(serving, verdict, 1);
}

static void count_sent(const struct datagram *d, int result, void *context)
{
    const struct serving *serving = context;

    if (result < 0) {
        count(serving, COUNTER_NOT_SENT, 1);
        return;
    }
    count(serving, COUNTER_OUT, 1);
    count(serving, COUNTER_BYTES_OUT, d->answer.len);
}

/* Serves the datagrams that are queued, up to a batch. Returns how many, or -errno. */
static int serve_batch(struct serving *serving)
{
    int n = datagram_batch_receive(&serving->batch);

    for (int i = 0; i < n; i++)
        serve_one(serving, &serving->batch.item[i]);
    datagram_batch_send(&serving->batch, count_sent, serving);
    return n;
}

/* Whether SIGTERM is pending. Under heavy traffic ppoll(2) always returns at once, and delivers no
 * signal. */
static bool is_terminated(void)
{
    const struct timespec at_once = {0};
    sigset_t sigterm;

    sigemptyset(&sigterm);
    sigaddset(&sigterm, SIGTERM);
    return sigtimedwait(&sigterm, NULL, &at_once) == SIGTERM;
}

/* Unblocks SIGTERM while it waits, and nowhere else, so that no exchange is interrupted. Returns 1
 * if there is a datagram, 0 after SIGTERM, or -errno. */
static int wait_for_work(int socket)
{
    struct pollfd polled = {.fd = socket, .events = POLLIN};
    sigset_t blocked;

    if (is_terminated())
        return 0;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    sigaddset(&blocked, SIGALRM); /* one may be pending from the timer around passed descriptors */
    sigdelset(&blocked, SIGTERM);
    if (ppoll(&polled, 1, NULL, &blocked) < 0)
        return errno == EINTR ? 0 : -errno;
    return 1;
}

/* Serves until SIGTERM. Returns 0, or -errno: -ESHUTDOWN if another process that shares the socket
 * has shut it down, after which it is always ready. */
static int serve_until_told(struct serving *serving)
{
    int r, empty = 0;

    while ((r = wait_for_work(serving->worker->socket)) > 0) {
        r = serve_batch(serving);
        if (r == 0)
            r = datagram_batch_discard_errors(&serving->batch);
        if (r < 0)
            return r;
        empty = r > 0 ? 0 : empty + 1;
        if (empty > EMPTY_ROUNDS)
            return -ESHUTDOWN;
    }
    return r;
}

/* Returns 0 after SIGTERM, or -errno. */
static int serve(struct serving *serving)
{
    int r = serve_until_told(serving);

    if (r < 0)
        return r;
    for (int i = 0; i < LAST_BATCHES && r >= 0; i++) {
        r = serve_batch(serving);
        if (r == 0)
            break;
    }
    return r < 0 ? r : 0;
}

static int set_up(struct serving *serving, const struct worker *worker)
{
    if (!serving)
        return -ENOMEM;
    serving->worker = worker;
    serving->rates = (struct rate_table){
        .buckets = serving->buckets, .sets = RATE_SETS, .seed = hash_seed_new()};
    serving->repeats.seed = hash_seed_new();
    set_title(worker);
    int r = datagram_service_open(&serving->service, worker);
    if (r == 0)
        r = datagram_batch_open(&serving->batch, worker->socket, serving->service.at_once);
    return r;
}

void datagram_run(const struct worker *given)
{
    /* Not static: it would share pages with variables that workers of clients write to. */
    struct serving *serving = calloc(1, sizeof(*serving));
    struct slot *slot = given->slot;
    int r = set_up(serving, given);
    bool ready = r == 0;

    if (ready) {
        atomic_store(&slot->state, SLOT_SERVING);
        r = serve(serving);
        atomic_store(&slot->state, SLOT_ENDING);
    }
    if (r < 0)
        atomic_store(&slot->error, -r);
    _exit(!ready ? END_SETUP : r < 0 ? END_IO : END_STOPPED);
}
