#include "client/command/connection.h"

#include "base/clock.h"
#include "base/fd.h"
#include "client/command/status.h"
#include "client/connect/connect_diag.h"
#include "client/connect/race.h"
#include "client/io/output.h"
#include "client/io/wait.h"
#include "client/probe/probe.h"

#include <errno.h>
#include <string.h>

/* The probe that finds an address that answers: its size in bytes and its timeout. */
#define FIND_SIZE 56
#define FIND_TIME USEC_PER_SEC

int connection_resolve(const struct common_options *c, struct attempts *found)
{
    const char *reason;
    int r = target_resolve(&c->target, common_options_deadline(c, c->begin), found, &reason);

    if (r == 0)
        return 0;
    connect_diag_unresolved(&c->target, reason);
    if (c->json)
        output_error(NULL, reason);
    return r;
}

size_t connection_header(const struct common_options *c, int fd, void *buf)
{
    struct address local, peer;

    if (!c->proxy.version || address_local(&local, fd) < 0 || address_peer(&peer, fd) < 0)
        return 0;
    return proxy_header_write(&c->proxy, &local, &peer, buf);
}

/* Does not block, as the socket's buffer is still empty. */
static int send_header(const struct common_options *c, int fd)
{
    char header[PROXY_HEADER_MAX];
    size_t len = connection_header(c, fd, header);

    return len > 0 && send(fd, header, len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Fills in CONNECTION from FD, which is connected to A. Returns 0 or -errno. */
static int take(const struct common_options *c, int fd, const struct attempt *a,
                struct connection *connection)
{
    uint64_t took = clock_nanoseconds() - a->begun;

    *connection = (struct connection){.fd = fd, .type = connect_type(fd), .peer = a->address};
    connection->connect_ns = connection->type == SOCK_DGRAM ? 0 : took;
    int r = send_header(c, fd);
    if (r < 0)
        fd_close(&connection->fd);
    return r;
}

int connection_try(const struct common_options *c, const struct address *address, int wake,
                   struct connection *connection)
{
    struct connect_plan plan = common_options_connect_plan(c, wake);
    struct attempt a = {.address = *address, .begun = clock_nanoseconds()};
    int fd = race_single(address, &plan);

    connection->fd = -1;
    return fd < 0 ? fd : take(c, fd, &a, connection);
}

/* ---- several addresses ---- */

static void report_failure(const struct common_options *c, const struct attempt *a)
{
    connect_diag_refused(a);
    if (c->json)
        output_error(&a->address, strerror(-a->error));
}

/* A race_watch. Reports failures at once, because another address may still succeed. */
static void watch(const void *context, const struct attempt *a, bool failed)
{
    const struct common_options *c = context;

    if (c->verbosity < VERBOSITY_VERBOSE)
        return;
    if (failed)
        report_failure(c, a);
    else
        connect_diag_trying(a);
}

static int connect_from(const struct common_options *c, struct attempts *attempts, size_t first,
                        int wake, struct connection *connection)
{
    struct connect_plan plan = common_options_connect_plan(c, wake);
    size_t winner;

    if (attempts->begun) /* at the first attempt, the timeout includes the lookup */
        plan.deadline = common_options_deadline(c, attempts->begun);
    attempts->begun = 0;
    int fd = race_connect(attempts, first, &plan, &(struct race_watch){watch, c}, &winner);
    if (fd < 0)
        return fd;
    int r = take(c, fd, &attempts->list[winner], connection);
    attempts->list[winner].error = r;
    connection->index = winner;
    return r;
}

void connection_report(const struct common_options *c, const struct attempts *attempts)
{
    for (size_t i = 0; c->verbosity < VERBOSITY_VERBOSE && i < attempts->count; i++)
        if (attempts->list[i].error)
            report_failure(c, &attempts->list[i]);
}

/* Returns the index of the first address that was tried and did not answer, or the number of
 * addresses. */
static size_t first_silent(const struct attempts *attempts)
{
    size_t i = 0;

    while (i < attempts->count &&
           !(attempts->list[i].begun && attempts->list[i].error == -ETIMEDOUT))
        i++;
    return i;
}

/*
 * For datagrams, only sending shows whether an address answers. Reduces ATTEMPTS to the address
 * that answers a probe first or, if none does, to the first one that does not refuse it.
 */
static int find_answering(const struct common_options *c, struct attempts *attempts, int wake)
{
    uint8_t data[FIND_SIZE];
    const struct probe probe = {.run = (uint32_t)clock_nanoseconds(), .size = sizeof(data)};
    struct connect_plan plan = common_options_connect_plan(c, wake);
    size_t i;

    probe_write(&probe, data);
    plan.first = data;
    plan.first_len = sizeof(data);
    plan.deadline = clock_earlier(plan.deadline, clock_now() + FIND_TIME);
    int fd = race_connect(attempts, 0, &plan, &(struct race_watch){watch, c}, &i);
    if (fd == -ECANCELED)
        return fd;
    if (fd < 0)
        i = first_silent(attempts);
    if (i == attempts->count)
        return fd;
    fd_close(&fd);
    attempts->list[0] = attempts->list[i];
    attempts->count = 1;
    return 0;
}

int connection_connect(const struct common_options *c, struct attempts *attempts, int wake,
                       struct connection *connection)
{
    int r = 0;

    connection->fd = -1;
    if (c->probes && c->udp && attempts->count > 1)
        r = find_answering(c, attempts, wake);
    if (r == 0)
        r = connect_from(c, attempts, 0, wake, connection);
    if (r < 0 && r != -ECANCELED)
        connection_report(c, attempts);
    return r;
}

int connection_next(const struct common_options *c, struct attempts *attempts, int error,
                    struct connection *connection)
{
    struct connection next;

    attempts->list[connection->index].error = error;
    if (c->verbosity >= VERBOSITY_VERBOSE)
        report_failure(c, &attempts->list[connection->index]);
    if (connection->index + 1 == attempts->count)
        return error;
    int r = connect_from(c, attempts, connection->index + 1, -1, &next);
    if (r < 0) {
        attempts->list[connection->index].error = 0; /* it remains the one to talk to */
        return r;
    }
    fd_close(&connection->fd);
    *connection = next;
    return 0;
}

const char *connection_transport(int type, const struct address *peer)
{
    if (!address_is_ip(peer))
        return "a Unix socket";
    return type == SOCK_DGRAM ? "UDP" : "TCP";
}

int connection_give_up(const struct common_options *c, int status)
{
    if (c->json) {
        output_begin("summary");
        output_end_summary(status);
    }
    return status;
}

int connection_status(int error)
{
    return connect_ran_short(error) ? VERB_UNABLE : VERB_BAD;
}
