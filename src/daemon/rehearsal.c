#include "daemon/rehearsal.h"

#include "base/exit.h"
#include "base/fd.h"
#include "config/serialize.h"
#include "daemon/admission/access.h"
#include "daemon/handover.h"
#include "daemon/process/system_limits.h"

#include <limits.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *reason)
{
    fprintf(stderr, "%s\n", reason);
    return EXIT_SOFTWARE;
}

static int hand_back(const struct settings *settings)
{
    const char *text = getenv(REHEARSAL_VARIABLE);
    struct problems problems = {0};
    uint64_t number;

    if (!text || number_parse(text, &number) < 0 || number > INT_MAX)
        return fail("there is no " REHEARSAL_VARIABLE " to hand the settings back by");
    int r = settings_serialize(settings, (int)number, &problems);
    problems_print(&problems, stderr);
    problems_free(&problems);
    return r < 0 ? fail(strerror(-r)) : 0;
}

/* Nothing of what was there before is closed, or its file removed, by closing our copies. */
static void disown(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (!listeners->item[i].fresh)
            listeners->item[i].origin = LISTENER_PASSED;
}

/* ---- what the new program needs ---- */

/* Descriptors besides listeners, to serve and to reload: of signals, the fork servers' program and
 * a new channel, a client with its connection to the scribe, and the next rehearsal. */
#define SPARE_DESCRIPTORS 16

#define DESCRIPTORS_LIMIT "LimitNOFILE=, ulimit -n"

static int lacks(const char *what, int error, const char *limit)
{
    fprintf(stderr, "%s cannot be had: %s (%s)\n", what, strerror(-error),
            error == -EMFILE ? DESCRIPTORS_LIMIT : limit);
    return EXIT_OSERR;
}

/* The memory of the slots is that which is used, and grows here. It may stay so. */
static int try_memory(struct server *trial, const struct handover_slots *slots, size_t datagrams)
{
    const struct server_settings *limits = trial->settings->server;
    size_t count = slots->client_count > limits->max_clients ? slots->client_count
                                                             : (size_t)limits->max_clients;
    char what[96];

    snprintf(what, sizeof(what), "memory for %zu clients (max_clients)", count);
    int r = roster_open(&trial->sessions.roster, count, &limits->source_prefix);
    if (r == 0)
        r = access_open(&trial->admission.policy);
    if (r < 0)
        return lacks(what, r, "ulimit -v");
    r = slots->clients < 0 ? 0 : slots_adopt(&trial->sessions.slots, slots->clients, count);
    if (r == 0 && slots->datagrams >= 0)
        r = slots_adopt(&trial->datagrams.slots, slots->datagrams,
                        slots->datagram_count + datagrams);
    else if (r == 0 && datagrams > 0)
        r = slots_open(&trial->datagrams.slots, datagrams);
    snprintf(what, sizeof(what), "shared memory for %zu clients (max_clients)", count);
    return r < 0 ? lacks(what, r, "LimitFSIZE=, LimitAS=") : 0;
}

/* The new program cannot go back: whatever it needs is tried here, all at once. */
static int try_resources(const struct settings *settings, const struct listeners *listeners,
                         const struct handover_slots *slots)
{
    struct server trial = {.settings = settings,
                           .admission = {.policy = {.settings = settings}},
                           .sessions = {.slots = {.memory = -1}},
                           .datagrams = {.slots = {.memory = -1}}};
    int status = try_memory(&trial, slots, listeners_datagram_count(listeners));
    int r = status == 0 ? system_limits_try_descriptors(SPARE_DESCRIPTORS) : 0;

    if (r < 0)
        status =
            lacks("enough descriptors for these listeners and their clients", r, DESCRIPTORS_LIMIT);
    roster_close(&trial.sessions.roster);
    access_close(&trial.admission.policy);
    slots_close(&trial.sessions.slots);
    slots_close(&trial.datagrams.slots);
    return status;
}

int rehearsal_perform(const struct settings *settings, int handover)
{
    struct log log = {.level = LOG_ERR, .channel = -1, .bare = true};
    struct inherited passed = {0};
    struct listeners listeners;

    const struct handover_slots slots = handover_slots(handover);
    if (handover_read(handover, NULL, &passed) < 0) {
        inherited_free(&passed);
        return fail("this version cannot understand what the running one hands over");
    }
    int status = listeners_open(&listeners, settings, &passed, &log, true);
    if (status == 0)
        status = try_resources(settings, &listeners, &slots);
    disown(&listeners);
    listeners_close(&listeners, false);
    return status == 0 ? hand_back(settings) : status;
}

struct settings *rehearsal_settings(int handover)
{
    struct log log = {.level = LOG_ERR, .channel = handover_records(handover)};
    struct problems problems = {0};
    int fd = handover_settings(handover);
    struct settings *settings = settings_deserialize(fd, &problems);

    for (size_t i = 0; i < problems.count; i++)
        if (problems.list[i].fatal) /* of the others the rehearsal has told */
            log_error(&log, "%s", problems.list[i].text);
    problems_free(&problems);
    fd_close(&fd);
    return settings;
}
