#include "base/clock.h"
#include "base/duration.h"
#include "base/fd.h"
#include "base/macros.h"
#include "client/command/connection.h"
#include "client/command/fd_limit.h"
#include "client/io/diag.h"
#include "client/io/interrupts.h"
#include "client/io/output.h"
#include "client/io/wait.h"
#include "client/verbs/silence.h"
#include "client/verbs/verbs.h"

#define AT(member) offsetof(struct idle_options, member)

/* As many silences as doubling can distinguish. */
#define SPANS_MAX 64

static const struct option_row rows[] = {
    {"shortest", 0, &argument_span, AT(shortest), 0, "SPAN",
     "try SPAN of silence, twice that, ... [1s]"},
    {"longest", 0, &argument_span, AT(longest), 0, "SPAN", "up to SPAN [2h]"},
    {"precision", 0, &argument_span, AT(precision), 0, "SPAN",
     "then find the limit to within SPAN [1s]"},
    {"connections", 0, &argument_count, AT(connections), 0, "N", "use N at once [15]"},
    {"deadline", 'w', &argument_span, AT(deadline), 0, "SPAN", "stop after SPAN in total"},
};

/* ---- output ---- */

static void put_end(const struct idle *i, int status)
{
    output_begin("summary");
    output_address("address", &i->peer);
    output_milliseconds("alive_ms", i->alive * NSEC_PER_USEC);
    if (i->how) {
        output_milliseconds("cut_ms", i->cut * NSEC_PER_USEC);
        output_text("noticed", i->noticed ? "at once" : "by a probe");
    }
    output_text("how", i->how ? i->how : "none");
    output_end_summary(status);
}

static void report_end(const struct idle *i)
{
    char alive[DURATION_TEXT_MAX], end[DURATION_TEXT_MAX], time[TIME_TEXT_MAX];

    duration_format(i->alive, alive, sizeof(alive));
    if (!i->how)
        output_line("alive after %s of silence", alive);
    else if (i->noticed)
        output_line("alive after %s of silence, cut at %s ms: %s", alive,
                    output_time(i->cut * NSEC_PER_USEC, time), i->told);
    else
        output_line("cut between %s and %s of silence: %s", alive,
                    duration_format(i->cut, end, sizeof(end)), i->told);
}

static int conclude(const struct idle *i)
{
    bool bad = i->how || i->why || i->restless;
    int status = i->ran_short ? VERB_UNABLE : bad ? VERB_BAD : VERB_WELL;

    if (!i->met && i->why)
        diag_say("this test needs an echo service, and there was no echo: %s", i->why);
    else if (i->why)
        diag_say("cannot open more connections: %s", i->why);
    if (i->restless)
        diag_say("the server keeps sending: no connection to it is idle for long enough");
    if (!i->met)
        return connection_give_up(i->common, i->ran_short ? VERB_UNABLE : VERB_BAD);
    if (i->common->json)
        put_end(i, status);
    else
        report_end(i);
    return status;
}

/* ---- the search ---- */

/* Tries silences, each twice as long as the previous one. */
static void ascend(struct idle *i)
{
    uint64_t spans[SPANS_MAX], span = i->opts->shortest;
    size_t count = 0;

    while (span < i->opts->longest && count < SPANS_MAX - 1) {
        spans[count++] = span;
        span = clock_earlier(2 * span, i->opts->longest);
    }
    spans[count++] = span;
    idle_try(i, spans, count);
}

/* Divides the range between a silence that is survived and one that is not. */
static void narrow(struct idle *i)
{
    uint64_t spans[SPANS_MAX] = {0}, from = i->alive, width = i->cut - i->alive;
    uint64_t parts = width / i->opts->precision + (width % i->opts->precision != 0);
    size_t count = (size_t)clock_earlier(clock_earlier(parts - 1, i->opts->connections), SPANS_MAX);

    for (size_t k = 0; k < count; k++)
        spans[k] = (from + width * (k + 1) / (count + 1)) / 1000 * 1000; /* whole milliseconds */
    idle_try(i, spans, count);
}

static void search(struct idle *i)
{
    uint64_t before = NEVER;

    i->deadline = i->common->deadline;
    ascend(i);
    /* Until the range no longer shrinks, since measuring itself takes time. */
    while (i->how && !i->noticed && !i->over && output_works() &&
           i->cut - i->alive > i->opts->precision && i->cut - i->alive < before) {
        before = i->cut - i->alive;
        narrow(i);
    }
}

/* ---- the verb ---- */

static int check_options(const struct idle_options *opts)
{
    if (opts->shortest == 0 || opts->shortest > opts->longest)
        return usage_error("--shortest must be greater than 0, and --longest at least as long",
                           NULL);
    return opts->precision == 0 ? usage_error("--precision must be greater than 0", NULL) : 0;
}

static int run_idle(const struct common_options *common, const void *opts)
{
    const struct idle_options *options = opts;
    const struct common_options bounded = common_options_with_deadline(common, options->deadline);
    struct attempts attempts;
    struct idle i = {.common = &bounded, .opts = opts, .attempts = &attempts, .cut = NEVER};

    if (check_options(opts) < 0)
        return VERB_UNABLE;
    if (fd_limit_raise(i.opts->connections) < 0 || connection_resolve(&bounded, &attempts) < 0)
        return connection_give_up(common, VERB_UNABLE);
    int status = VERB_UNABLE;
    i.interrupts = interrupts_open();
    if (i.interrupts >= 0) {
        search(&i);
        status = conclude(&i);
    }
    fd_close(&i.interrupts);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_idle = {
    .name = "idle",
    .summary = "find out when an idle connection is cut, and how",
    .port = ECHOC_DEFAULT_PORT,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults =
        &(const struct idle_options){
            .shortest = USEC_PER_SEC,
            .longest = 7200 * USEC_PER_SEC,
            .precision = USEC_PER_SEC,
            .connections = 15,
        },
    .size = sizeof(struct idle_options),
    .misuse = VERB_UNABLE,
    .run = run_idle,
    .notes = "Each time is tried on a separate connection, with an echo before and after it.\n"
             "FIN and RST are noticed at once, lost state (a firewall) only by the missing\n"
             "echo: the interval is then divided further. Ctrl-C prints what is known so far.\n\n"
             "Exit status: 0 it was never cut, 1 it was, or there was no connection or no\n"
             "echo, 2 the test could not be run.\n",
};
