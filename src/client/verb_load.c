#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/memory.h"
#include "client/link.h"
#include "client/load.h"
#include "client/room.h"
#include "client/stop.h"
#include "client/verbs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AT(member) offsetof(struct load_options, member)

static const struct option_row rows[] = {
    {"connections", 0, &argument_count, AT(connections), 0, "N", "have N at once [10]"},
    {"rate", 0, &argument_count, AT(rate), 0, "N",
     "begin N a second, whatever becomes of them; times count\n"
     "from when each was due [as many as it goes]"},
    {"for", 0, &argument_span, AT(time), 0, "SPAN", "stop after SPAN [10s, if there is no -c]"},
    {"count", 'c', &argument_count, AT(count), 0, "N", "stop after N connections in all"},
    {"messages", 0, &argument_count, AT(messages), 0, "N", "N echoes over each [1]"},
    {"size", 's', &argument_size, AT(size), 0, "BYTES", "of each message [56]"},
    {"plot", 0, &argument_text, AT(plot), 0, "FILE",
     "draw round trips over time: .svg or .png, by gnuplot"},
};

static int judge(const struct load *l)
{
    bool all = l->over || load_scheduled(l) == l->calls->started;

    if (l->calls->ran_short)
        return VERB_UNABLE;
    return l->calls->messages > 0 && l->calls->causes.count == 0 && all ? VERB_WELL : VERB_BAD;
}

static int conclude(const struct load *l)
{
    const struct plot_text text = {
        .verb = "load",
        .peer = &l->calls->peer,
        .transport = link_transport(l->calls->type, &l->calls->peer),
        .size = l->own->size,
        .x_axis = "s, when each was due",
        .times = &l->calls->round_trips,
    };
    int status = judge(l);

    if (l->progress)
        fputc('\n', stderr);
    if (plot_close(&l->calls->plot, &text) < 0)
        status = VERB_UNABLE;
    load_summary(l, status);
    return status;
}

static int load_with(struct load *l)
{
    uint64_t count = l->own->connections;
    int status = VERB_UNABLE;

    l->callers = memory_zeroed(count, sizeof(*l->callers));
    l->set = memory_zeroed(count + 1, sizeof(*l->set));
    for (uint64_t i = 0; i < count; i++)
        l->callers[i].calls = l->calls;
    l->set[count] = (struct pollfd){.fd = stop_open(), .events = POLLIN};
    if (l->set[count].fd >= 0 && (!l->own->plot || plot_open(&l->calls->plot, l->own->plot) == 0)) {
        load_run(l);
        status = conclude(l);
    }
    for (uint64_t i = 0; i < count; i++)
        caller_stop(&l->callers[i]);
    fd_close(&l->set[count].fd);
    free(l->callers);
    free(l->set);
    return status;
}

static int run_load(const struct common *common, const void *options)
{
    struct load_options own = *(const struct load_options *)options;
    struct attempts attempts;
    struct link link;

    if (own.time == 0 && own.count == 0)
        own.time = 10 * USEC_PER_SEC;
    if (room_make(own.connections) < 0)
        return link_give_up(common, VERB_UNABLE);
    if (link_resolve(common, &attempts) < 0)
        return link_give_up(common, VERB_UNABLE);
    int r = link_connect(common, &attempts, -1, &link); /* which address answers, if any */
    attempts_free(&attempts);
    fd_close(&link.fd);
    if (r < 0)
        return link_give_up(common, link_status(r));
    struct load l = {
        .own = &own,
        .calls = memory_zeroed(1, sizeof(*l.calls)),
        .progress = isatty(STDERR_FILENO) && common->verbosity != VERBOSITY_QUIET,
    };
    *l.calls = (struct calls){
        .common = common,
        .peer = link.peer,
        .type = link.type,
        .run = trip_run(),
        .size = (uint32_t)own.size,
        .messages_each = own.messages,
    };
    int status = load_with(&l);
    free(l.calls);
    return status;
}

const struct verb verb_load = {
    .name = "load",
    .summary = "open many connections at a rate; count, and time, what they do",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .probes = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults = &(const struct load_options){.connections = 10, .messages = 1, .size = 56},
    .size = sizeof(struct load_options),
    .misuse = VERB_UNABLE,
    .run = run_load,
    .notes = "One more connection, which is not counted, is made at the beginning, to find the\n"
             "address that answers. On a terminal, progress is told every second.\n"
             "\n"
             "Exit status: 0 there were no errors, 1 there were, or there was no connection,\n"
             "or not all that were due could be begun, 2 it could not be tried.\n",
};
