#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "client/output.h"
#include "client/stop.h"
#include "client/sweep.h"
#include "client/verb.h"

#include <inttypes.h>
#include <stdio.h>

#define AT(member) offsetof(struct sweep_options, member)

static const struct option_row rows[] = {
    {"smallest", 0, &argument_size, AT(smallest), 0, "BYTES", "begin with BYTES [1]"},
    {"largest", 0, &argument_size, AT(largest), 0, "BYTES", "end with BYTES [65536; UDP: 65507]"},
    {"tries", 0, &argument_count, AT(tries), 0, "N", "give a size up after N tries [3]"},
    {"wait", 'W', &argument_span, AT(wait), 0, "SPAN", "for each reply [1s]"},
};

/* More does not fit into a datagram of IPv4. */
#define DATAGRAM_MAX 65507

/* What was found: the largest size that passes (0: none does), and the next one's fate. */
struct limit {
    uint32_t passes;
    uint32_t fails; /* 0: nothing does */
    enum passage how;
};

/* Twice as large each time, until something does not pass. */
static void ascend(struct sweep *s, uint32_t largest, struct limit *limit)
{
    uint32_t size = (uint32_t)s->own->smallest;

    while (output_works()) {
        enum passage passage = sweep_size(s, size);
        if (passage != PASSES) {
            limit->fails = size;
            limit->how = passage;
            return;
        }
        limit->passes = size;
        if (size == largest)
            return;
        size = size > largest / 2 ? largest : 2 * size;
    }
    limit->how = STOPPED;
}

/* Halves what is between a size that passes and one that does not. */
static void narrow(struct sweep *s, struct limit *limit)
{
    while (limit->passes > 0 && limit->fails > limit->passes + 1 && limit->how != STOPPED) {
        uint32_t size = limit->passes + (limit->fails - limit->passes) / 2;
        enum passage passage = output_works() ? sweep_size(s, size) : STOPPED;
        if (passage == PASSES) {
            limit->passes = size;
            continue;
        }
        limit->fails = size;
        limit->how = passage;
    }
}

/* ---- telling ---- */

static void tell_limit(const struct sweep *s, const struct limit *limit)
{
    char packet[64] = "", words[SWEEP_WORDS_MAX];

    if (s->common->udp && limit->passes > 0)
        snprintf(packet, sizeof(packet), " (an IP packet of %" PRIu32 ")",
                 sweep_packet(s, limit->passes));
    if (limit->fails == 0)
        output_line("every size up to %" PRIu32 " bytes%s passes", limit->passes, packet);
    else if (limit->how == STOPPED)
        output_line("stopped: up to %" PRIu32 " bytes%s pass", limit->passes, packet);
    else if (limit->passes == 0)
        output_line("not even %" PRIu32 " byte%s: %s", limit->fails,
                    limit->fails == 1 ? " passes" : "s pass", sweep_words(s, limit->how, words));
    else
        output_line("%" PRIu32 " byte%s%s pass%s, %" PRIu32 " do not: %s", limit->passes,
                    plural(limit->passes), packet, limit->passes == 1 ? "es" : "", limit->fails,
                    sweep_words(s, limit->how, words));
}

static void put_limit(const struct sweep *s, const struct limit *limit, int status)
{
    output_begin("summary");
    output_count("passes", limit->passes);
    if (s->common->udp && limit->passes > 0)
        output_count("packet", sweep_packet(s, limit->passes));
    if (limit->fails > 0)
        output_count("fails", limit->fails);
    output_text("how", sweep_name(limit->how));
    output_end_summary(status);
}

/* That our own system knows the MTU, and says so, is as it should be. */
static int judge(const struct limit *limit)
{
    if (limit->passes == 0 || limit->how == STOPPED)
        return VERB_BAD;
    return limit->fails == 0 || limit->how == TOO_LARGE ? VERB_WELL : VERB_BAD;
}

static int sweep(struct sweep *s)
{
    struct limit limit = {.how = PASSES};
    uint32_t largest = (uint32_t)s->own->largest;

    if (s->common->udp && largest > DATAGRAM_MAX)
        largest = DATAGRAM_MAX;
    int r = sweep_connect(s);
    if (r < 0)
        return link_give_up(s->common, link_status(r));
    ascend(s, largest, &limit);
    narrow(s, &limit);
    int status = s->ran_short ? VERB_UNABLE : judge(&limit);
    if (s->common->json)
        put_limit(s, &limit, status);
    else
        tell_limit(s, &limit);
    return status;
}

static int run_sweep(const struct common *common, const void *own)
{
    struct attempts attempts;
    struct sweep s = {.common = common, .own = own, .attempts = &attempts, .link = {.fd = -1}};

    if (s.own->smallest > s.own->largest) {
        common_wrong("--smallest is larger than --largest", NULL);
        return VERB_UNABLE;
    }
    if (link_resolve(common, &attempts) < 0)
        return link_give_up(common, VERB_UNABLE);
    int status = VERB_UNABLE;
    s.stop = stop_open();
    if (s.stop >= 0) {
        window_init(&s.window, 2);
        status = sweep(&s);
        window_free(&s.window);
    }
    sweep_disconnect(&s);
    fd_close(&s.stop);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_sweep = {
    .name = "sweep",
    .summary = "find the size from which on the path lets nothing pass",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .probes = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults =
        &(const struct sweep_options){
            .smallest = 1, .largest = 65536, .tries = 3, .wait = USEC_PER_SEC},
    .size = sizeof(struct sweep_options),
    .misuse = VERB_UNABLE,
    .run = run_sweep,
    .notes = "With -u no packet may be fragmented on its way (DF is set).\n"
             "\n"
             "Exit status: 0 every size passes, or all that the MTU known to our own system\n"
             "allows, 1 a size does not, or there was no connection, 2 it could not be tried.\n",
};
