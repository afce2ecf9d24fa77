#include "client/flows/flows.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "client/command/connection.h"
#include "client/io/interrupts.h"
#include "client/io/wait.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>

/* How many probes to remember for each flow. */
#define WINDOW 256

/* ---- one flow ---- */

/* The callback probe_stream.take. */
static void take(void *context, const struct reply *reply)
{
    struct flow *flow = context;
    bool intact = reply->verdict == REPLY_INTACT || reply->verdict == REPLY_LATE ||
                  reply->verdict == REPLY_REORDERED;

    flow->verdicts[reply->verdict]++;
    if (reply->verdict != REPLY_STRAY && !reply->again)
        flow->answered++;
    if (!intact)
        return;
    flow->received++;
    stats_add(&flow->times, reply->time);
    stats_add(&flow->all->times, reply->time);
    if (flow->next == NEVER)
        flow->next = 0;
}

/* Returns the number of segments that were retransmitted because they were lost. Does not count
 * those that had arrived (D-SACK, RFC 2883): they show that a machine is busy, not that the path
 * loses. */
static uint64_t repeated_segments(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
        info.tcpi_total_retrans < info.tcpi_dsack_dups)
        return 0;
    return info.tcpi_total_retrans - info.tcpi_dsack_dups;
}

static void end_flow(struct flow *flow, int error)
{
    if (flow->stream.fd < 0)
        return;
    if (flow->stream.type == SOCK_STREAM)
        flow->retransmits = repeated_segments(flow->stream.fd);
    flow->error = error;
    probe_stream_conclude(&flow->stream);
    probe_stream_free(&flow->stream);
    probe_window_free(&flow->window);
    fd_close(&flow->stream.fd);
}

/* Spreads the flows over an interval, so that they do not all send at once. */
static void begin_flow(struct flows *f, size_t i, uint64_t now)
{
    struct flow *flow = &f->list[i];
    struct connect_plan plan = common_options_connect_plan(f->common, -1);
    struct address own;

    plan.type = f->type;
    flow->all = f;
    flow->next = now + f->plan->interval * i / f->plan->count;
    int fd = connect_begin(&f->peer, &plan);
    flow->stream = (struct probe_stream){.fd = fd < 0 ? -1 : fd,
                                         .type = f->type,
                                         .run = probe_run(),
                                         .window = &flow->window,
                                         .take = take,
                                         .context = flow};
    if (fd < 0) {
        flow->error = fd;
        return;
    }
    probe_window_init(&flow->window, WINDOW);
    flow->connected = f->type == SOCK_DGRAM;
    if (f->type == SOCK_DGRAM)
        error_queue_enable(fd);
    if (address_local(&own, fd) == 0)
        flow->port = address_port(&own);
}

/* The header of --proxy is sent before the first probe. */
static void finish_connecting(struct flow *flow, uint64_t now)
{
    const struct flows *f = flow->all;
    char header[PROXY_HEADER_MAX];
    int r = connect_finish(flow->stream.fd, &f->peer);

    if (r == 0) {
        size_t len = connection_header(f->common, flow->stream.fd, header);
        r = byte_queue_append(&flow->stream.out, header, len);
    }
    flow->connected = r == 0;
    if (flow->next < now)
        flow->next = now;
    if (r < 0)
        end_flow(flow, r);
}

/* Handles an error from the network. It ends a connection, but concerns only one datagram. */
static void fail(struct flow *flow, int r)
{
    if (flow->stream.type == SOCK_DGRAM && r < 0) {
        probe_stream_take_error(&flow->stream, &flow->queue);
        if (flow->queue.error == 0)
            flow->queue.error = -r;
        return;
    }
    end_flow(flow, r);
}

static bool has_all_sent(const struct flow *flow)
{
    const struct flows_plan *plan = flow->all->plan;

    return plan->probes > 0 && flow->sent >= plan->probes;
}

static void send_burst(struct flow *flow, uint64_t now)
{
    const struct flows_plan *plan = flow->all->plan;

    for (uint64_t i = 0; i < plan->burst && flow->stream.fd >= 0 && !has_all_sent(flow); i++) {
        int r = probe_stream_send(&flow->stream, (uint32_t)plan->size);
        flow->sent++;
        if (r < 0)
            fail(flow, r);
    }
    flow->next = flow->next + plan->interval > now ? flow->next + plan->interval : now;
    if (plan->interval == 0)
        flow->next = NEVER;
}

static uint64_t due(const struct flow *flow, const struct sent *sent)
{
    uint64_t wait = flow->all->plan->wait;

    return wait ? sent->time / NSEC_PER_USEC + wait : NEVER;
}

static void give_up_overdue(struct flow *flow, uint64_t now)
{
    struct sent *sent;

    while ((sent = probe_window_oldest(&flow->window)) && due(flow, sent) <= now) {
        sent->fate = FATE_OVERDUE;
        if (flow->next == NEVER)
            flow->next = now;
    }
}

static bool may_send(const struct flow *flow)
{
    return flow->connected && !has_all_sent(flow) && !probe_stream_pending(&flow->stream);
}

/* Continues FLOW according to the time and the EVENTS of poll(2). */
static void move(struct flow *flow, short events, uint64_t begin, uint64_t now)
{
    uint64_t wait = flow->all->plan->wait;

    if (!flow->connected) {
        if (events)
            finish_connecting(flow, now);
        else if (wait && now >= begin + wait)
            end_flow(flow, -ETIMEDOUT);
    } else if (events) {
        int r = probe_stream_flush(&flow->stream), received = probe_stream_receive(&flow->stream);
        if (received || r)
            fail(flow, received ? received : r);
        else if (events & POLLERR)
            probe_stream_take_error(&flow->stream, &flow->queue);
    }
    if (flow->stream.fd < 0)
        return;
    give_up_overdue(flow, now);
    if (may_send(flow) && flow->next <= now)
        send_burst(flow, now);
    else if (has_all_sent(flow) && !probe_window_oldest(&flow->window))
        end_flow(flow, 0);
}

/* ---- all flows ---- */

static short events_of(const struct flow *flow)
{
    return (short)(!flow->connected || probe_stream_pending(&flow->stream) ? POLLIN | POLLOUT
                                                                           : POLLIN);
}

/* Returns when FLOW has to continue even without an event. */
static uint64_t moment_of(struct flow *flow, uint64_t begin)
{
    uint64_t wait = flow->all->plan->wait;

    if (flow->stream.fd < 0)
        return NEVER;
    if (!flow->connected)
        return wait ? begin + wait : NEVER;
    struct sent *sent = probe_window_oldest(&flow->window);
    uint64_t moment = sent ? due(flow, sent) : NEVER;
    return may_send(flow) ? clock_earlier(moment, flow->next) : moment;
}

static void take_interrupt(struct flows *f)
{
    enum interrupt interrupt = interrupts_take(f->interrupts);

    if (interrupt == INTERRUPT_INTERIM && f->interim)
        f->interim(f);
    f->over = f->over || interrupt == INTERRUPT_STOP;
}

/* Waits once and handles the events. Returns whether any flow continues. */
static bool run_once(struct flows *f, struct pollfd *set, uint64_t begin, uint64_t deadline)
{
    size_t count = f->plan->count, open = 0;
    uint64_t moment = deadline;

    for (size_t i = 0; i < count; i++) {
        struct flow *flow = &f->list[i];
        set[i] = (struct pollfd){.fd = flow->stream.fd, .events = events_of(flow)};
        open += flow->stream.fd >= 0;
        moment = clock_earlier(moment, moment_of(flow, begin));
    }
    if (open == 0)
        return false;
    set[count] = (struct pollfd){.fd = f->interrupts, .events = POLLIN};
    if (poll(set, count + 1, clock_timeout(moment)) < 0)
        return errno == EINTR;
    if (set[count].revents)
        take_interrupt(f);
    uint64_t now = clock_now();
    for (size_t i = 0; i < count; i++)
        if (f->list[i].stream.fd >= 0)
            move(&f->list[i], set[i].revents, begin, now);
    f->over = f->over || now >= deadline;
    return !f->over;
}

int flows_run(struct flows *f)
{
    size_t count = f->plan->count, begun = 0;
    struct pollfd *set = memory_zeroed(count + 1, sizeof(*set));
    uint64_t begin = clock_now(), deadline = f->common->deadline;

    f->over = false;
    f->list = memory_zeroed(count, sizeof(*f->list));
    for (size_t i = 0; i < count; i++) {
        begin_flow(f, i, begin);
        begun += f->list[i].stream.fd >= 0;
    }
    int r = begun > 0 ? 0 : f->list[0].error;
    while (r == 0 && run_once(f, set, begin, deadline))
        continue;
    for (size_t i = 0; i < count; i++)
        end_flow(&f->list[i], 0);
    free(set);
    return r;
}

void flows_free(struct flows *f)
{
    free(f->list);
    f->list = NULL;
    f->times = (struct stats){0};
}
