#include "daemon/reload/dry_run.h"

#include "base/exit.h"
#include "base/fd.h"
#include "config/serialize.h"
#include "daemon/admission/access.h"
#include "daemon/listen/listeners.h"
#include "daemon/process/handover.h"
#include "daemon/process/system_limits.h"
#include "daemon/session/roster.h"
#include "daemon/session/slots_handover.h"

#include <errno.h>
#include <limits.h>
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
    const char *text = getenv(DRY_RUN_VARIABLE);
    struct problems problems = {0};
    uint64_t number;

    if (!text || number_parse(text, &number) < 0 || number > INT_MAX)
        return fail("there is no " DRY_RUN_VARIABLE " to return the settings through");
    int r = settings_serialize(settings, (int)number, &problems);
    problems_print(&problems, stderr);
    problems_free(&problems);
    return r < 0 ? fail(strerror(-r)) : 0;
}

/* Makes sure that closing our copies removes no socket file of the running daemon. */
static void disown(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (!listeners->item[i].fresh)
            listeners->item[i].origin = LISTENER_PASSED;
}

/* ---- what the new program needs ---- */

/* Descriptors in addition to listeners that the new program needs to serve and to reload: signals,
 * the fork server's executable, a new channel, a client with its connection to the scribe, the next
 * dry run. */
#define SPARE_DESCRIPTORS 16

#define DESCRIPTORS_LIMIT "LimitNOFILE=, ulimit -n"

static int lacks(const char *what, int error, const char *limit)
{
    fprintf(stderr, "cannot get %s: %s (%s)\n", what, strerror(-error),
            error == -EMFILE ? DESCRIPTORS_LIMIT : limit);
    return EXIT_OSERR;
}

/* What the running daemon has, and what the dry run allocates in addition. */
struct trial {
    struct inherited inherited;
    struct saved_slots clients, datagrams;
    struct roster roster;
    struct access_policy policy;
    struct slots slots, datagram_slots;
};

/* Reads from HANDOVER what a dry run needs, and closes it. Returns 0 or -EPROTO. */
static int read_trial(struct trial *trial, int handover)
{
    char line[4096];
    FILE *from = handover_read(handover);
    int r = from ? 0 : -EPROTO;

    while (r == 0 && fgets(line, sizeof(line), from)) {
        if (handover_is(line, "listener "))
            r = inherited_restore(&trial->inherited, line);
        else if (handover_is(line, "slots "))
            r = saved_slots_read(&trial->clients, line);
        else if (handover_is(line, "datagram-slots "))
            r = saved_slots_read(&trial->datagrams, line);
    }
    if (from)
        fclose(from);
    return r;
}

/* Maps COUNT slots in MEMORY, which may grow and keeps the new size; -1 if there is none yet.
 * Returns 0 or -errno. */
static int try_slots(struct slots *slots, int memory, size_t count)
{
    if (memory >= 0)
        return slots_adopt(slots, memory, count);
    return count > 0 ? slots_open(slots, count) : 0;
}

static int try_memory(struct trial *trial, const struct server_settings *limits, size_t datagrams)
{
    size_t count = saved_slots_needed(&trial->clients, limits);
    char what[96];

    snprintf(what, sizeof(what), "memory for %zu clients (max_clients)", count);
    int r = roster_open(&trial->roster, count, &limits->source_prefix);
    if (r == 0)
        r = access_open(&trial->policy);
    if (r < 0)
        return lacks(what, r, "ulimit -v");
    if (trial->clients.memory >= 0)
        r = try_slots(&trial->slots, trial->clients.memory, count);
    if (r == 0)
        r = try_slots(&trial->datagram_slots, trial->datagrams.memory,
                      trial->datagrams.count + datagrams);
    snprintf(what, sizeof(what), "shared memory for %zu clients (max_clients)", count);
    return r < 0 ? lacks(what, r, "LimitFSIZE=, LimitAS=") : 0;
}

/* Allocates all that the new program needs at the same time, because the exec cannot be undone. */
static int try_resources(struct trial *trial, const struct settings *settings,
                         const struct listeners *listeners)
{
    size_t datagrams = listeners_datagram_count(listeners);
    int status = try_memory(trial, settings->server, datagrams);
    int r = status == 0 ? system_limits_try_descriptors(SPARE_DESCRIPTORS) : 0;

    if (r < 0)
        status =
            lacks("enough descriptors for these listeners and their clients", r, DESCRIPTORS_LIMIT);
    r = status == 0 && datagrams > 0 ? system_limits_try_datagram_calls() : 0;
    if (r < 0)
        status = lacks("the system calls for datagrams", r, "SystemCallFilter=");
    roster_close(&trial->roster);
    access_close(&trial->policy);
    slots_close(&trial->slots);
    slots_close(&trial->datagram_slots);
    return status;
}

int dry_run_perform(const struct settings *settings, int handover)
{
    struct log log = {.level = LOG_ERR, .channel = -1, .bare = true};
    struct trial trial = {.clients = {.memory = -1},
                          .datagrams = {.memory = -1},
                          .policy = {.settings = settings},
                          .slots = {.memory = -1},
                          .datagram_slots = {.memory = -1}};
    struct listeners listeners;

    if (read_trial(&trial, handover) < 0) {
        inherited_free(&trial.inherited);
        return fail("this version cannot read the state of the running one");
    }
    int status = listeners_open(&listeners, settings, &trial.inherited, &log, true);
    if (status == 0)
        status = try_resources(&trial, settings, &listeners);
    disown(&listeners);
    listeners_close(&listeners, false);
    return status == 0 ? hand_back(settings) : status;
}

struct settings *dry_run_settings(int handover, int records)
{
    struct log log = {.level = LOG_ERR, .channel = records};
    struct problems problems = {0};
    int fd = handover_number(handover, "settings %d");
    handover_take(fd);
    struct settings *settings = settings_deserialize(fd, &problems);

    for (size_t i = 0; i < problems.count; i++)
        if (problems.list[i].fatal) /* the dry run has reported the others */
            log_error(&log, "%s", problems.list[i].text);
    problems_free(&problems);
    return settings;
}
