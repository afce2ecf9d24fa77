#include "client/path/try_flows.h"

#include "base/clock.h"
#include "base/memory.h"
#include "client/flows/flows.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PROBES 6
#define BURST 2

/* Probes per second of all flows together. By default echod answers 1000 datagrams of a source per
 * second; half of that, so that the limit is not taken for loss. */
#define RATE 500

#define SIZE 56

/* How long an answer or a connection may take. SYNs are retransmitted after 1 s and 3 s. */
#define WAIT_UDP USEC_PER_SEC
#define WAIT_TCP (3500 * USEC_PER_MSEC)

/* Whether the loss is a finding: less than one per cent is normal. */
static bool is_much(uint64_t count, uint64_t of)
{
    return count * 100 >= of && count > 0;
}

static void report_share(struct path *p, const char *kind, const char *what, uint64_t count,
                         uint64_t of)
{
    char text[160];
    double share = of > 0 ? 100.0 * (double)count / (double)of : 0;

    if (count == 0)
        return;
    snprintf(text, sizeof(text), "%.1f %% of %" PRIu64 " probes %s (%" PRIu64 ")", share, of, what,
             count);
    if (is_much(count, of))
        findings_add(&p->findings, kind, "%s", text);
    else
        findings_note(&p->findings, kind, "%s: no more than usual", text);
}

static void report_damage(struct path *p, const struct flows_sums *sums)
{
    if (sums->verdicts[REPLY_TRUNCATED] > 0)
        findings_add(&p->findings, "truncated",
                     "%" PRIu64 " of %" PRIu64 " probes came back truncated",
                     sums->verdicts[REPLY_TRUNCATED], sums->sent);
    if (sums->verdicts[REPLY_CORRUPTED] > 0)
        findings_add(&p->findings, "corrupted",
                     "%" PRIu64 " of %" PRIu64 " probes came back corrupted",
                     sums->verdicts[REPLY_CORRUPTED], sums->sent);
}

/* Adds up what was SENT on flows that are neither dead nor ended early, which are reported
 * separately. Returns how much of it was lost. */
static uint64_t lost_of_alive(const struct flows *f, uint64_t *sent)
{
    uint64_t lost = 0;

    *sent = 0;
    for (size_t i = 0; i < f->plan->count; i++) {
        const struct flow *flow = &f->list[i];
        if (flow_is_dead(flow) || flow->error != 0)
            continue;
        *sent += flow->sent;
        lost += flow->sent - flow->answered;
    }
    return lost;
}

static bool is_suspicious(const struct flows *f)
{
    struct flows_sums sums = flows_sum(f);
    uint64_t sent, lost = lost_of_alive(f, &sent);

    return sums.dead + sums.refused > 0 || is_much(lost, sent) ||
           is_much(sums.verdicts[REPLY_REORDERED], sums.sent) ||
           is_much(sums.verdicts[REPLY_DUPLICATE], sums.sent) ||
           is_much(sums.retransmits, sums.sent);
}

static void report_refused(struct path *p, const struct flows *f, size_t refused)
{
    int error = 0;

    for (size_t i = 0; i < f->plan->count && error == 0; i++)
        if (f->list[i].error != -ETIMEDOUT)
            error = f->list[i].error;
    if (refused > 0)
        findings_add(&p->findings, "refused",
                     "%zu of %" PRIu64 " flows were refused or ended early: %s", refused,
                     f->plan->count, error > 0 ? "closed by the server" : strerror(-error));
}

static void report(struct path *p, const struct flows *f)
{
    struct flows_sums sums = flows_sum(f);
    uint64_t sent, lost = lost_of_alive(f, &sent);
    char text[FLOWS_TEXT_MAX];

    if (flows_explain(f, text))
        findings_add(&p->findings, "flows", "%s", text);
    else if (sums.dead == f->plan->count)
        findings_add(&p->findings, "flows", "none of %" PRIu64 " flows gets anything back",
                     f->plan->count);
    report_refused(p, f, sums.refused);
    report_share(p, "loss", "are lost", lost, sent);
    report_share(p, "reordered", "come back out of order", sums.verdicts[REPLY_REORDERED],
                 sums.sent);
    report_share(p, "duplicate", "come back more than once", sums.verdicts[REPLY_DUPLICATE],
                 sums.sent);
    if (f->type == SOCK_STREAM)
        report_share(p, "retransmits", "had to be retransmitted", sums.retransmits, sums.sent);
    report_damage(p, &sums);
    if (sums.dead + sums.refused == 0 && sums.sent > 0)
        findings_note(&p->findings, "flows", "%" PRIu64 " flows work", f->plan->count);
}

static void keep(struct path *p, const struct flows *f)
{
    p->flow_count = f->plan->count;
    p->flows = memory_zeroed(p->flow_count, sizeof(*p->flows));
    for (size_t i = 0; i < p->flow_count; i++) {
        const struct flow *flow = &f->list[i];
        p->flows[i] = (struct path_flow){.port = flow->port,
                                         .sent = flow->sent,
                                         .answered = flow->answered,
                                         .dead = flow_is_dead(flow)};
    }
}

void path_try_flows(struct path *p)
{
    bool udp = p->udp.len > 0;
    const struct flows_plan plan = {
        .count = p->opts->flows,
        .probes = PROBES,
        .burst = BURST,
        .interval = p->opts->flows * BURST * USEC_PER_SEC / RATE,
        .wait = udp ? WAIT_UDP : WAIT_TCP,
        .size = SIZE,
    };
    struct flows f = {.common = p->common,
                      .plan = &plan,
                      .peer = udp ? p->udp : p->tcp,
                      .type = udp ? SOCK_DGRAM : SOCK_STREAM,
                      .interrupts = p->interrupts};

    if (f.peer.len == 0)
        return;
    int r = flows_run(&f);
    if (r == 0 && !f.over && is_suspicious(&f)) {
        flows_free(&f); /* a server that paused for a moment also loses some: try again */
        r = flows_run(&f);
    }
    p->stopped = p->stopped || f.over;
    if (r == 0 && !f.over) {
        report(p, &f);
        keep(p, &f);
    }
    flows_free(&f);
}
