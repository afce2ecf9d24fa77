#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "client/error_queue.h"
#include "client/graph.h"
#include "client/link.h"
#include "client/output.h"
#include "client/ping.h"
#include "client/ping_flows.h"
#include "client/stop.h"
#include "client/verb.h"

#define WINDOW 16384

#define AT(member) offsetof(struct ping_options, member)

static const struct option_row rows[] = {
    {"count", 'c', &argument_count, AT(count), 0, "N", "stop after N probes"},
    {"interval", 'i', &argument_span, AT(interval), 0, "SPAN",
     "between probes (0.2, 500ms; 0: upon each reply) [1s]"},
    {"size", 's', &argument_size, AT(size), 0, "BYTES", "of each probe [56]"},
    {"deadline", 'w', &argument_span, AT(deadline), 0, "SPAN", "stop after SPAN in all"},
    {"wait", 'W', &argument_span, AT(wait), 0, "SPAN",
     "before a reply counts as lost (0: for ever) [2s]"},
    {"timestamps", 'D', NULL, AT(timestamps), 1, NULL, "print the time before each line"},
    {"histogram", 0, NULL, AT(histogram), 1, NULL, "print how often which time was measured"},
    {"plot", 0, &argument_text, AT(plot), 0, "FILE",
     "draw time against probe: .svg or .png, by gnuplot"},
    {"flows", 0, &argument_count, AT(flows), 0, "N",
     "from N source ports at once: loss and median of each"},
};

static void print_begin(const struct ping *p, const struct link *link)
{
    char peer[ADDRESS_TEXT_MAX], time[TIME_TEXT_MAX];

    if (p->common->json)
        return;
    address_format(&link->peer, peer, sizeof(peer));
    if (link->type == SOCK_DGRAM)
        output_line("ECHO %s: %d byte%s in a datagram", peer, (int)p->own->size,
                    plural(p->own->size));
    else
        output_line("ECHO %s: %d byte%s; connected in %s ms", peer, (int)p->own->size,
                    plural(p->own->size), output_time(link->connect_ns, time));
}

/* ping(8): 1 for no reply at all, or too few by the deadline. Damage has no name there. */
static int judge(const struct ping *p)
{
    uint64_t received = account_received(p->account);

    if (received == 0 || p->broken || account_damaged(p->account))
        return VERB_BAD;
    return p->own->deadline && p->own->count && received < p->own->count ? VERB_BAD : VERB_WELL;
}

/* Probes whose replies were still awaited at the end are lost, too. */
static int close_plot(struct ping *p)
{
    const struct plot_text text = {
        .verb = "ping",
        .peer = &p->account->peer,
        .transport = link_transport(p->trip.type, &p->account->peer),
        .size = p->own->size,
        .x_axis = "probe",
        .times = &p->account->round_trips,
    };

    for (uint32_t seq = p->window.oldest; seq != p->window.next; seq++) {
        const struct sent *sent = window_get(&p->window, seq);
        if (sent && sent->fate == FATE_AWAITED)
            plot_add(&p->account->plot, PLOT_LOST, UINT64_C(1000) * seq, 0);
    }
    return plot_close(&p->account->plot, &text);
}

static int conclude(struct ping *p)
{
    int status = judge(p);

    if (p->own->histogram)
        graph_print(&p->account->round_trips, p->common->json);
    if (close_plot(p) < 0)
        status = VERB_UNABLE;
    tcp_facts_add(&p->account->tcp, p->trip.fd);
    account_summary(p->account, status);
    return status;
}

static int ping_over(struct ping *p, const struct link *link)
{
    int status = VERB_UNABLE;

    p->account = account_new(p->common, &link->peer);
    p->account->timestamps = p->own->timestamps;
    p->trip = (struct trip){
        .fd = link->fd,
        .type = link->type,
        .run = trip_run(),
        .window = &p->window,
        .take = account_take,
        .context = p->account,
    };
    if (link->type == SOCK_DGRAM)
        error_queue_enable(link->fd);
    else
        stats_add(&p->account->connects, link->connect_ns);
    if (!p->own->plot || plot_open(&p->account->plot, p->own->plot) == 0) {
        print_begin(p, link);
        ping_run(p);
        status = conclude(p);
    }
    trip_free(&p->trip);
    account_free(p->account);
    return status;
}

static int connect_and_ping(struct ping *p, struct attempts *attempts)
{
    struct link link;

    p->stop = stop_open();
    if (p->stop < 0)
        return link_give_up(p->common, VERB_UNABLE);
    int r = link_connect(p->common, attempts, p->stop, &link);
    if (r < 0)
        return link_give_up(p->common, link_status(r));
    window_init(&p->window, WINDOW);
    int status = ping_over(p, &link);
    window_free(&p->window);
    fd_close(&link.fd);
    return status;
}

static int run_ping(const struct common *common, const void *own)
{
    const struct ping_options *options = own;
    const struct common bounded = common_until(common, options->deadline);
    struct ping p = {.common = &bounded, .own = own, .stop = -1};
    struct attempts attempts;

    if (options->flows > 0)
        return ping_flows(&bounded, options);
    if (link_resolve(&bounded, &attempts) < 0)
        return link_give_up(common, VERB_UNABLE);
    int status = connect_and_ping(&p, &attempts);
    fd_close(&p.stop);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_ping = {
    .name = "ping",
    .summary = "measure round trips over one connection, and name what goes wrong",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .probes = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults =
        &(const struct ping_options){
            .interval = USEC_PER_SEC,
            .size = 56,
            .wait = 2 * USEC_PER_SEC,
        },
    .size = sizeof(struct ping_options),
    .misuse = VERB_UNABLE,
    .run = run_ping,
    .notes = "Ctrl-C prints the summary, Ctrl-\\ how far it is.\n"
             "\n"
             "Exit status: 0 replies came, 1 none came, or too few by the deadline, or one\n"
             "was damaged, or the connection broke, 2 it could not be tried.\n",
};
