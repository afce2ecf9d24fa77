/*
 * The sums of many flows, and what it means if some of them lose everything.
 */
#include "base/text.h"
#include "client/flows/flows.h"

#include <errno.h>
#include <inttypes.h>

/* How many source ports to name in a message. */
#define PORTS_NAMED 8

bool flow_is_dead(const struct flow *flow)
{
    if (flow->answered > 0)
        return false;
    return flow->error == 0 ? flow->sent > 0 : flow->error == -ETIMEDOUT;
}

struct flows_sums flows_sum(const struct flows *f)
{
    struct flows_sums sums = {0};

    for (size_t i = 0; i < f->plan->count; i++) {
        const struct flow *flow = &f->list[i];
        sums.sent += flow->sent;
        sums.answered += flow->answered;
        sums.received += flow->received;
        sums.retransmits += flow->retransmits;
        sums.refused += flow->error != 0 && flow->error != -ETIMEDOUT;
        sums.dead += flow_is_dead(flow);
        for (size_t v = 0; v < REPLY_VERDICTS; v++)
            sums.verdicts[v] += flow->verdicts[v];
    }
    return sums;
}

unsigned flows_loss(uint64_t sent, uint64_t answered)
{
    return sent > answered ? (unsigned)((sent - answered) * 100 / sent) : 0;
}

static void name_ports(const struct flows *f, size_t dead, char *buf)
{
    size_t named = 0;

    for (size_t i = 0; i < f->plan->count && named < PORTS_NAMED; i++)
        if (flow_is_dead(&f->list[i]))
            text_append(buf, FLOWS_TEXT_MAX, "%s%u", named++ > 0 ? ", " : "", f->list[i].port);
    if (dead > named)
        text_append(buf, FLOWS_TEXT_MAX, ", ...");
}

/* Returns the probability that FLOW loses everything by chance, if LOST of SENT probes are lost. */
static double chance(const struct flow *flow, uint64_t lost, uint64_t sent)
{
    double chance = flow->sent > 0 ? 1 : 0;

    for (uint64_t n = 0; n < flow->sent && chance > 1e-9; n++)
        chance *= (double)lost / (double)sent;
    return chance;
}

/* Returns how many flows are expected to lose everything by chance, with the loss of the others. */
static double dead_by_chance(const struct flows *f)
{
    uint64_t sent = 0, lost = 0;
    double expected = 0;

    for (size_t i = 0; i < f->plan->count; i++)
        if (!flow_is_dead(&f->list[i])) {
            sent += f->list[i].sent;
            lost += f->list[i].sent - f->list[i].answered;
        }
    for (size_t i = 0; i < f->plan->count && sent > 0; i++)
        expected += chance(&f->list[i], lost, sent);
    return expected;
}

bool flows_explain(const struct flows *f, char *buf)
{
    struct flows_sums sums = flows_sum(f);
    uint64_t count = f->plan->count;

    buf[0] = '\0';
    if (sums.dead == 0 || sums.dead == count)
        return false;
    text_append(buf, FLOWS_TEXT_MAX, "%zu of %" PRIu64 " flows lose%s everything (port%s ",
                sums.dead, count, sums.dead == 1 ? "s" : "", plural(sums.dead));
    name_ports(f, sums.dead, buf);
    uint64_t paths = (count + sums.dead / 2) / sums.dead;
    if (dead_by_chance(f) >= 0.1)
        text_append(buf, FLOWS_TEXT_MAX, "): with so much loss that may be chance");
    else if (paths < 2)
        text_append(buf, FLOWS_TEXT_MAX, "): most paths are dead");
    else
        text_append(buf, FLOWS_TEXT_MAX, "): one of about %" PRIu64 " paths is dead", paths);
    return true;
}
