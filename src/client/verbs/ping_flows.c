#include "client/verbs/ping_flows.h"

#include "base/fd.h"
#include "base/text.h"
#include "client/command/connection.h"
#include "client/command/fd_limit.h"
#include "client/command/status.h"
#include "client/flows/flows.h"
#include "client/io/diag.h"
#include "client/io/interrupts.h"
#include "client/io/output.h"
#include "client/results/print_probe.h"
#include "client/results/print_stats.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- a flow ---- */

/* Returns why FLOW ended early, or NULL if it did not. */
static const char *reason(const struct flow *flow, char *buf)
{
    if (flow->queue.error)
        return error_queue_describe(&flow->queue, buf);
    if (flow->error == 0)
        return NULL;
    return flow->error == 1            ? "closed by the server"
           : flow->error == -ETIMEDOUT ? "no connection in time"
                                       : strerror(-flow->error);
}

static void print_flow(const struct flow *flow)
{
    char line[512] = "", time[TIME_TEXT_MAX], buf[QUEUED_ERROR_TEXT_MAX];
    const char *why = reason(flow, buf);

    text_append(line, sizeof(line), "port %u: %" PRIu64 " sent, %" PRIu64 " received, %u%% loss",
                flow->port, flow->sent, flow->received, flows_loss(flow->sent, flow->answered));
    if (flow->times.count > 0)
        text_append(line, sizeof(line), ", p50 %s ms",
                    output_time(stats_percentile(&flow->times, 500), time));
    for (enum verdict v = REPLY_LATE; v < REPLY_VERDICTS; v++)
        if (flow->verdicts[v] > 0)
            text_append(line, sizeof(line), ", %" PRIu64 " %s", flow->verdicts[v], verdict_name(v));
    if (flow->retransmits > 0)
        text_append(line, sizeof(line), ", %" PRIu64 " retransmitted", flow->retransmits);
    output_line("%s%s%s", line, why ? ": " : "", why ? why : "");
}

static void put_verdicts(const uint64_t *verdicts)
{
    for (enum verdict v = REPLY_LATE; v < REPLY_VERDICTS; v++)
        output_count(verdict_name(v), verdicts[v]);
}

static void put_flow(const struct flow *flow)
{
    char buf[QUEUED_ERROR_TEXT_MAX];
    const char *why = reason(flow, buf);

    output_begin("flow");
    output_count("port", flow->port);
    output_count("sent", flow->sent);
    output_count("received", flow->received);
    output_count("loss_percent", flows_loss(flow->sent, flow->answered));
    if (flow->times.count > 0)
        output_milliseconds("p50_ms", stats_percentile(&flow->times, 500));
    put_verdicts(flow->verdicts);
    output_count("retransmitted", flow->retransmits);
    if (why)
        output_text("reason", why);
    output_end_one_of_many();
}

static void show_flows(const struct flows *f)
{
    if (f->common->verbosity == VERBOSITY_QUIET)
        return;
    for (size_t i = 0; i < f->plan->count; i++)
        if (f->common->json)
            put_flow(&f->list[i]);
        else
            print_flow(&f->list[i]);
}

/* ---- all flows ---- */

static void print_begin(const struct flows *f)
{
    char peer[ADDRESS_TEXT_MAX];

    if (!f->common->json)
        output_line("ECHO %s: %" PRIu64 " flow%s, %" PRIu64 " byte%s in each %s",
                    address_format(&f->peer, peer, sizeof(peer)), f->plan->count,
                    plural(f->plan->count), f->plan->size, plural(f->plan->size),
                    f->type == SOCK_DGRAM ? "datagram" : "probe");
}

static void report_interim(const struct flows *f)
{
    struct flows_sums sums = flows_sum(f);

    diag_say("%" PRIu64 " of %" PRIu64 " came back, on %zu of %" PRIu64 " flows", sums.received,
             sums.sent, f->plan->count - sums.dead, f->plan->count);
}

static void print_sums(const struct flows *f, const struct flows_sums *sums)
{
    char peer[ADDRESS_TEXT_MAX], text[FLOWS_TEXT_MAX];

    output_line("--- %s flows ---", address_format(&f->peer, peer, sizeof(peer)));
    output_line("%" PRIu64 " flow%s: %" PRIu64 " sent, %" PRIu64 " received, %u%% loss",
                f->plan->count, plural(f->plan->count), sums->sent, sums->received,
                flows_loss(sums->sent, sums->answered));
    print_stats_line("round trip", &f->times);
    if (flows_explain(f, text))
        output_line("%s", text);
    else if (sums->dead == f->plan->count)
        output_line("nothing came back on any flow");
}

static void put_sums(const struct flows *f, const struct flows_sums *sums, int status)
{
    char text[FLOWS_TEXT_MAX];

    output_begin("summary");
    output_address("address", &f->peer);
    output_count("flows", f->plan->count);
    output_count("dead", sums->dead);
    output_count("sent", sums->sent);
    output_count("received", sums->received);
    output_count("loss_percent", flows_loss(sums->sent, sums->answered));
    put_verdicts(sums->verdicts);
    output_count("retransmitted", sums->retransmits);
    print_stats_json("rtt", &f->times);
    if (flows_explain(f, text))
        output_text("finding", text);
    output_end_summary(status);
}

static int conclude(const struct flows *f)
{
    struct flows_sums sums = flows_sum(f);
    bool damaged = sums.verdicts[REPLY_TRUNCATED] + sums.verdicts[REPLY_CORRUPTED] > 0;
    bool bad = sums.received == 0 || sums.dead + sums.refused > 0 || damaged;
    int status = bad ? VERB_BAD : VERB_WELL;

    show_flows(f);
    if (f->common->json)
        put_sums(f, &sums, status);
    else
        print_sums(f, &sums);
    return output_works() ? status : VERB_UNABLE;
}

/* ---- the verb ---- */

static int check(const struct common_options *common, const struct ping_options *options)
{
    if (common->target.path)
        return usage_error("--flows cannot be combined with --unix: there are no source ports",
                           NULL);
    if (options->histogram || options->plot || options->timestamps)
        return usage_error("--histogram, --plot and -D cannot be combined with --flows", NULL);
    return options->flows > FLOWS_MAX ? usage_error("--flows is at most 4096", NULL) : 0;
}

/* Finds an address that answers, for all flows. Returns 0 or an exit status. */
static int find_peer(struct flows *f)
{
    struct attempts attempts;
    struct connection connection;

    if (connection_resolve(f->common, &attempts) < 0)
        return VERB_UNABLE;
    int r = connection_connect(f->common, &attempts, f->interrupts, &connection);
    attempts_free(&attempts);
    if (r < 0)
        return connection_status(r);
    f->peer = connection.peer;
    f->type = connection.type;
    fd_close(&connection.fd);
    return 0;
}

static int find_and_run(struct flows *f)
{
    int status = find_peer(f);

    if (status != 0)
        return connection_give_up(f->common, status);
    print_begin(f);
    flows_run(f);
    status = conclude(f);
    flows_free(f);
    return status;
}

static int run(struct flows *f)
{
    f->interrupts = interrupts_open();
    if (f->interrupts < 0)
        return connection_give_up(f->common, VERB_UNABLE);
    int status = find_and_run(f);
    fd_close(&f->interrupts);
    return status;
}

int ping_flows(const struct common_options *common, const struct ping_options *options)
{
    const struct flows_plan plan = {
        .count = options->flows,
        .probes = options->count,
        .burst = 1,
        .interval = options->interval,
        .wait = options->wait,
        .size = options->size,
    };
    struct flows f = {.common = common, .plan = &plan, .interim = report_interim};

    if (check(common, options) < 0)
        return VERB_UNABLE;
    if (fd_limit_raise(plan.count) < 0)
        return connection_give_up(common, VERB_UNABLE);
    return run(&f);
}
