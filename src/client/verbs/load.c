#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/memory.h"
#include "client/command/connection.h"
#include "client/command/fd_limit.h"
#include "client/io/interrupts.h"
#include "client/load/load_loop.h"
#include "client/verbs/verbs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AT(member) offsetof(struct load_options, member)

static const struct option_row rows[] = {
    {"connections", 0, &argument_count, AT(connections), 0, "N", "use N at once [10]"},
    {"rate", 0, &argument_count, AT(rate), 0, "N",
     "begin N per second, however slow the server; times\n"
     "count from when each was due [as many as possible]"},
    {"for", 0, &argument_span, AT(time), 0, "SPAN", "stop after SPAN [10s, without -c]"},
    {"count", 'c', &argument_count, AT(count), 0, "N", "stop after N connections in total"},
    {"messages", 0, &argument_count, AT(messages), 0, "N", "N round trips over each [1]"},
    {"size", 's', &argument_size, AT(size), 0, "BYTES", "size of each message [56]"},
    {"plot", 0, &argument_text, AT(plot), 0, "FILE",
     "plot round trips over time: .svg or .png (gnuplot)"},
};

static int judge(const struct load *l)
{
    bool all = l->over || load_scheduled(l) == l->totals->started;

    if (l->totals->ran_short)
        return VERB_UNABLE;
    return l->totals->messages > 0 && l->totals->errors.count == 0 && all ? VERB_WELL : VERB_BAD;
}

static int conclude(const struct load *l)
{
    const struct plot_text text = {
        .verb = "load",
        .peer = &l->totals->peer,
        .transport = connection_transport(l->totals->type, &l->totals->peer),
        .size = l->opts->size,
        .x_axis = "s, when each was due",
        .times = &l->totals->round_trips,
    };
    int status = judge(l);

    if (l->progress)
        fputc('\n', stderr);
    if (plot_close(&l->totals->plot, &text) < 0)
        status = VERB_UNABLE;
    load_summary(l, status);
    return status;
}

static int load_with(struct load *l)
{
    uint64_t count = l->opts->connections;
    int status = VERB_UNABLE;

    l->connections = memory_zeroed(count, sizeof(*l->connections));
    l->set = memory_zeroed(count + 1, sizeof(*l->set));
    for (uint64_t i = 0; i < count; i++)
        l->connections[i].totals = l->totals;
    l->set[count] = (struct pollfd){.fd = interrupts_open(), .events = POLLIN};
    if (l->set[count].fd >= 0 &&
        (!l->opts->plot || plot_open(&l->totals->plot, l->opts->plot) == 0)) {
        load_run(l);
        status = conclude(l);
    }
    for (uint64_t i = 0; i < count; i++)
        load_connection_stop(&l->connections[i]);
    fd_close(&l->set[count].fd);
    free(l->connections);
    free(l->set);
    return status;
}

static int run_load(const struct common_options *common, const void *options)
{
    struct load_options opts = *(const struct load_options *)options;
    struct attempts attempts;
    struct connection connection;

    if (opts.time == 0 && opts.count == 0)
        opts.time = 10 * USEC_PER_SEC;
    if (fd_limit_raise(opts.connections) < 0)
        return connection_give_up(common, VERB_UNABLE);
    if (connection_resolve(common, &attempts) < 0)
        return connection_give_up(common, VERB_UNABLE);
    int r =
        connection_connect(common, &attempts, -1, &connection); /* finds an address that answers */
    attempts_free(&attempts);
    fd_close(&connection.fd);
    if (r < 0)
        return connection_give_up(common, connection_status(r));
    struct load l = {
        .opts = &opts,
        .totals = memory_zeroed(1, sizeof(*l.totals)),
        .progress = isatty(STDERR_FILENO) && common->verbosity != VERBOSITY_QUIET,
    };
    *l.totals = (struct load_totals){
        .common = common,
        .peer = connection.peer,
        .type = connection.type,
        .run = probe_run(),
        .size = (uint32_t)opts.size,
        .messages_each = opts.messages,
    };
    int status = load_with(&l);
    free(l.totals);
    return status;
}

const struct verb verb_load = {
    .name = "load",
    .summary = "open many connections, at a given rate, and time them",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .probes = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults = &(const struct load_options){.connections = 10, .messages = 1, .size = 56},
    .size = sizeof(struct load_options),
    .misuse = VERB_UNABLE,
    .run = run_load,
    .notes = "One more connection, which is not counted, is made at the start, to find the\n"
             "address that answers. On a terminal, progress is printed every second.\n\n"
             "Exit status: 0 no errors, 1 there were errors or there was no connection, or\n"
             "some connections could not begin when due, 2 the test could not be run.\n",
};
