#include "daemon/server.h"

#include "base/span.h"
#include "daemon/admission.h"
#include "daemon/birth.h"
#include "daemon/drain.h"
#include "daemon/reap.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* How often ended children are looked for whose signals were lost. */
#define SWEEP_TIME USEC_PER_SEC
/* The pause between two scribes, lest one that cannot live is forked all the time. */
#define SCRIBE_PAUSE USEC_PER_SEC
/* How long the last scribe has at the end to write what is queued. */
#define LAST_WORDS_TIME (2 * USEC_PER_SEC)

/* ---- setting up ---- */

static int failed(struct server *server, const char *what, int error)
{
    log_error(&server->log, "%s: %s", what, strerror(-error));
    return EXIT_OSERR;
}

int server_open(struct server *server, const struct settings *settings, const struct title *title,
                enum sink sink)
{
    *server = (struct server){.settings = settings,
                              .scribe = SCRIBE_CLOSED,
                              .title = title,
                              .slots = {.memory = -1},
                              .signals = {.fd = -1},
                              .log = {.level = (int)settings->server->log_level, .channel = -1}};
    notify_open(&server->notifier);
    int r = signals_open(&server->signals);
    if (r < 0)
        return failed(server, "signals cannot be set up", r);
    r = roster_open(&server->roster, settings->server->max_clients);
    if (r < 0)
        return failed(server, "no memory for the roster of clients", r);
    r = slots_open(&server->slots, settings->server->max_clients);
    if (r < 0)
        return failed(server, "no shared memory for the workers", r);
    r = scribe_open(&server->scribe, sink);
    if (r == 0)
        r = birth_of_scribe(server);
    if (r < 0)
        return failed(server, "the scribe cannot be started", r);
    server->log.channel = server->scribe.records_out;
    return 0;
}

struct session_log server_session_log(struct server *server)
{
    return (struct session_log){.log = &server->log,
                                .flood = &server->flood,
                                .normal = server->settings->server->log_sessions};
}

/* ---- closing ---- */

/* The scribe ends by itself once its queues are empty; one that hangs is not waited for. */
static void dismiss_scribe(struct server *server)
{
    uint64_t deadline = clock_now() + LAST_WORDS_TIME;
    pid_t pid = server->scribe.pid;
    siginfo_t info;

    flood_summarise(&server->flood, &server->log, UINT64_MAX - 1);
    log_confess(&server->log);
    server->log.channel = -1;
    scribe_close(&server->scribe);
    while (pid > 0 && waitpid(pid, NULL, WNOHANG | __WALL) == 0) {
        uint64_t now = clock_now();
        if (now >= deadline) {
            kill(pid, SIGKILL);
            break;
        }
        signals_take(&server->signals, &info, deadline - now);
    }
}

void server_close(struct server *server)
{
    listeners_close(&server->listeners);
    dismiss_scribe(server);
    slots_close(&server->slots);
    roster_close(&server->roster);
    fd_close(&server->signals.fd);
}

/* ---- the loop ---- */

static void handle_signal(struct server *server, const siginfo_t *info)
{
    switch (info->si_signo) {
    case SIGTERM:
    case SIGINT:
        drain_advance(server);
        break;
    case SIGHUP:
        log_warning(&server->log, "SIGHUP: this version cannot reload yet, restart it instead");
        break;
    case SIGCHLD:
        reap_all(server);
        break;
    default:
        reap_one(server, info->si_pid);
    }
}

static void handle_signals(struct server *server)
{
    siginfo_t info;

    while (signals_take(&server->signals, &info, 0) > 0)
        handle_signal(server, &info);
}

/* Whatever has to be done because time has passed. */
static void keep_house(struct server *server)
{
    uint64_t now = clock_now();

    if (now >= server->last_sweep + SWEEP_TIME) {
        server->last_sweep = now;
        reap_all(server);
        log_confess(&server->log);
    }
    if (server->scribe.pid < 0 && now >= server->scribe_since + SCRIBE_PAUSE) {
        server->scribe_since = now;
        birth_of_scribe(server);
    }
    drain_check(server, now);
    flood_summarise(&server->flood, &server->log, now);
    notify_turn(server, now);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Milliseconds until keep_house() or a muted listener has something to do; -1: never. */
static int next_timeout(const struct server *server)
{
    uint64_t next = notify_next(server), now = clock_now();

    next = sooner(next, flood_next(&server->flood));
    if (server->roster.live > 0 || server->log.dropped > 0)
        next = sooner(next, server->last_sweep + SWEEP_TIME);
    if (server->scribe.pid < 0)
        next = sooner(next, server->scribe_since + SCRIBE_PAUSE);
    if (server->phase_deadline)
        next = sooner(next, server->phase_deadline);
    if (server->muted_until > now)
        next = sooner(next, server->muted_until);
    if (next == UINT64_MAX)
        return -1;
    return clock_until(next);
}

/* Waits for signals and, if they are wanted, connections, and handles what came. POLLED has room
 * for one more than there are listeners. */
static void turn(struct server *server, struct pollfd *polled)
{
    bool open = admission_open(server, clock_now());
    size_t count = open ? server->listeners.count : 0;

    polled[0] = (struct pollfd){.fd = server->signals.fd, .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        polled[i + 1] = (struct pollfd){.fd = server->listeners.item[i].fd, .events = POLLIN};
    if (poll(polled, count + 1, next_timeout(server)) > 0) {
        if (polled[0].revents)
            handle_signals(server);
        for (size_t i = 0; i < count && server->phase == PHASE_SERVING; i++)
            if (polled[i + 1].revents)
                admission_accept(server, &server->listeners.item[i]);
    }
    keep_house(server);
}

void server_run(struct server *server)
{
    struct pollfd *polled = memory_zeroed(server->listeners.count + 1, sizeof(*polled));

    while (!drain_done(server))
        turn(server, polled);
    free(polled);
}
