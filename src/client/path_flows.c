#include "base/span.h"
#include "client/flows.h"
#include "client/path.h"
#include "client/room.h"

#include <inttypes.h>

#define PROBES 10
#define BURST 2
#define INTERVAL (50 * USEC_PER_MSEC)
#define SIZE 56

/* How long an answer, or a connection, may take: SYNs are repeated after 1 s and 3 s. */
#define WAIT_UDP USEC_PER_SEC
#define WAIT_TCP (3500 * USEC_PER_MSEC)

/* From one per cent on it is a finding: less is what a network does. */
static bool is_much(uint64_t count, uint64_t of)
{
    return count * 100 >= of && count > 0;
}

static void tell_share(struct path *p, const char *kind, const char *what, uint64_t count,
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

static void tell_damage(struct path *p, const struct flows_sums *sums)
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

/* Loss on the flows that are not dead, which have a sentence of their own. */
static void tell_loss(struct path *p, const struct flows *f)
{
    uint64_t sent = 0, lost = 0;

    for (size_t i = 0; i < f->plan->count; i++) {
        const struct flow *flow = &f->list[i];
        if (flow_is_dead(flow))
            continue;
        sent += flow->sent;
        lost += flow->sent - flow->answered;
    }
    tell_share(p, "loss", "are lost", lost, sent);
}

static void tell(struct path *p, const struct flows *f)
{
    struct flows_sums sums = flows_sum(f);
    char text[FLOWS_TEXT_MAX];

    if (flows_explain(f, text))
        findings_add(&p->findings, "flows", "%s", text);
    else if (sums.dead == f->plan->count)
        findings_add(&p->findings, "flows", "none of %" PRIu64 " flows gets anything back",
                     f->plan->count);
    tell_loss(p, f);
    tell_share(p, "reordered", "come back out of order", sums.verdicts[REPLY_REORDERED], sums.sent);
    tell_share(p, "duplicate", "come back more than once", sums.verdicts[REPLY_DUPLICATE],
               sums.sent);
    if (f->type == SOCK_STREAM)
        tell_share(p, "retransmits", "had to be sent again", sums.retransmits, sums.sent);
    tell_damage(p, &sums);
    if (sums.dead == 0 && sums.sent > 0)
        findings_note(&p->findings, "flows", "%" PRIu64 " flows work", f->plan->count);
}

void path_try_flows(struct path *p)
{
    bool udp = p->udp.len > 0;
    const struct flows_plan plan = {
        .count = p->own->flows,
        .probes = PROBES,
        .burst = BURST,
        .interval = INTERVAL,
        .wait = udp ? WAIT_UDP : WAIT_TCP,
        .size = SIZE,
    };
    struct flows f = {.common = p->common,
                      .plan = &plan,
                      .peer = udp ? p->udp : p->tcp,
                      .type = udp ? SOCK_DGRAM : SOCK_STREAM,
                      .stop = p->stop};

    if (f.peer.len == 0 || room_make(plan.count) < 0)
        return;
    if (flows_run(&f) == 0 && !f.over)
        tell(p, &f);
    flows_free(&f);
}
