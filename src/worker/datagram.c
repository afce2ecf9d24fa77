#include "worker/datagram.h"

#include "base/span.h"
#include "net/rate.h"
#include "worker/batch.h"
#include "worker/datagram_service.h"
#include "worker/end.h"
#include "worker/repeats.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Sources whose rate is known at once: half a megabyte, of which only what is used is there. With
 * more of them at once some get more than the rate, and none less. */
#define RATE_SETS 2048
/* What is still answered once the worker is to end. */
#define LAST_BATCHES 64

/* Its memory is all there is: nothing grows with what is sent, or by whom. */
struct serving {
    const struct datagram_job *job;
    struct datagram_service service;
    struct rate_table rates;
    struct rate_bucket buckets[RATE_SETS * RATE_WAYS];
    struct repeats repeats;
    struct batch batch;
};

/* SIGTERM is waited for along with the datagrams, and stays blocked: so it cuts nothing off.
 * Returns a descriptor or -errno. */
static int watch_sigterm(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void set_title(const struct datagram_job *job)
{
    char address[ADDRESS_TEXT_MAX];

    title_set(job->title, "echod: %s %s %s %s", protocol_name(job->listen->protocol),
              address_format(job->address, address, sizeof(address)), job->listen->name,
              service_name(job->listen->service));
}

static void count(const struct serving *serving, enum tally tally, uint64_t more)
{
    slot_count(&serving->job->slot->tally[tally], more);
}

static bool is_denied(const struct listen_settings *listen, const struct address *peer)
{
    return cidrs_find(&listen->deny, peer) ||
           (listen->allow.count > 0 && !cidrs_find(&listen->allow, peer));
}

/* Whoever may send to a Unix socket is known by its mode, and cannot be forged. */
static enum tally judge(struct serving *serving, const struct datagram *d,
                        const struct address *peer)
{
    const struct listen_settings *listen = serving->job->listen;
    struct address to = d->to;

    if (!address_is_ip(peer))
        return TALLY_COUNT;
    address_normalise(&to);
    if (is_denied(listen, peer))
        return TALLY_DENIED;
    enum tally verdict = serving->service.answers
                             ? datagram_judge(&serving->job->own_ports, peer, &to, d->unicast)
                             : TALLY_COUNT;
    if (verdict != TALLY_COUNT)
        return verdict;
    uint64_t now = clock_now();
    struct source_key source = address_source(peer, &serving->job->source_prefix);
    if (rate_take(&serving->rates, &listen->datagram_rate, &source, now) > 0)
        return TALLY_RATE;
    if (!serving->service.answers)
        return TALLY_COUNT;
    /* What a service does not look at makes no difference to it. */
    size_t len = listen->service == SERVICE_DAYTIME ? 0 : d->len;
    return repeats_goes_round(&serving->repeats, peer, d->data, len, now) ? TALLY_LOOP
                                                                          : TALLY_COUNT;
}

static void serve_one(struct serving *serving, struct datagram *d)
{
    struct address peer = d->peer;

    address_normalise(&peer);
    count(serving, TALLY_IN, 1);
    count(serving, TALLY_BYTES_IN, d->len);
    enum tally verdict = judge(serving, d, &peer);
    if (verdict == TALLY_COUNT)
        verdict = datagram_serve(&serving->service, d, &peer);
    if (verdict != TALLY_COUNT)
        count(serving, verdict, 1);
}

static void count_sent(const struct datagram *d, int result, void *context)
{
    const struct serving *serving = context;

    if (result < 0) {
        count(serving, TALLY_NOT_SENT, 1);
        return;
    }
    count(serving, TALLY_OUT, 1);
    count(serving, TALLY_BYTES_OUT, d->answer.len);
}

/* Serves what is there. Returns how many there were, or -errno. */
static int serve_batch(struct serving *serving)
{
    int n = batch_receive(&serving->batch);

    for (int i = 0; i < n; i++)
        serve_one(serving, &serving->batch.item[i]);
    batch_send(&serving->batch, count_sent, serving);
    return n;
}

/* Returns 1 once there is something to do, 0 if that is to end, or -errno. */
static int wait_for_work(int socket, int sigterm)
{
    struct pollfd polled[] = {{.fd = sigterm, .events = POLLIN}, {.fd = socket, .events = POLLIN}};

    while (poll(polled, ARRAY_SIZE(polled), -1) < 0)
        if (errno != EINTR)
            return -errno;
    return polled[0].revents ? 0 : 1;
}

/* Returns 0 once it was told to end, or -errno. */
static int serve(struct serving *serving, int sigterm)
{
    int r;

    while ((r = wait_for_work(serving->job->socket, sigterm)) > 0) {
        r = serve_batch(serving);
        if (r < 0)
            return r;
    }
    for (int i = 0; i < LAST_BATCHES && r >= 0; i++) {
        r = serve_batch(serving);
        if (r == 0)
            break;
    }
    return r < 0 ? r : 0;
}

static int set_up(struct serving *serving, const struct datagram_job *job)
{
    const int kept[] = {job->socket, INSTRUMENTED ? STDERR_FILENO : -1};
    int r = fd_close_from_but(0, kept, ARRAY_SIZE(kept));

    serving->job = job;
    serving->rates = (struct rate_table){
        .buckets = serving->buckets, .sets = RATE_SETS, .seed = hash_seed_new()};
    serving->repeats.seed = hash_seed_new();
    set_title(job);
    if (r == 0)
        r = datagram_service_open(&serving->service, job);
    if (r == 0)
        r = batch_open(&serving->batch, job->socket, serving->service.at_once);
    return r < 0 ? r : watch_sigterm();
}

void datagram_run(const struct datagram_job *job)
{
    static struct serving serving;
    int sigterm = set_up(&serving, job), r = sigterm;

    if (sigterm >= 0) {
        atomic_store(&job->slot->state, SLOT_SERVING);
        r = serve(&serving, sigterm);
        atomic_store(&job->slot->state, SLOT_ENDING);
    }
    if (r < 0)
        atomic_store(&job->slot->error, -r);
    _exit(sigterm < 0 ? END_SETUP : r < 0 ? END_IO : END_STOPPED);
}
