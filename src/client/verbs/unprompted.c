/*
 * whoami and daytime: services that send without being asked, and then close the connection.
 */
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/memory.h"
#include "client/command/connection.h"
#include "client/io/diag.h"
#include "client/io/output.h"
#include "client/io/wait.h"
#include "client/verbs/verbs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Longer than any reply of such a service. */
#define SAID_MAX 65536

struct ask_options {
    int raw;
};

static const struct option_row rows[] = {
    {"raw", 0, NULL, offsetof(struct ask_options, raw), 1, NULL,
     "print replies to a terminal unescaped"},
};

/* Requests the reply: with any datagram (RFC 867), or by ending our side of the connection. */
static int request_reply(const struct connection *connection)
{
    if (connection->type == SOCK_DGRAM)
        return send(connection->fd, "\n", 1, MSG_NOSIGNAL) < 0 ? -errno : 0;
    shutdown(connection->fd, SHUT_WR);
    return 0;
}

static int await(int fd, uint64_t deadline)
{
    struct pollfd set = {.fd = fd, .events = POLLIN};

    while (clock_now() < deadline)
        if (poll(&set, 1, clock_timeout(deadline)) > 0)
            return 0;
    return -ETIMEDOUT;
}

/* Reads up to the end, or one datagram, with a share of the time for OTHERS, the other addresses.
 * Returns 0, -EMSGSIZE if it is more than SAID_MAX bytes, or another -errno. */
static int read_reply(const struct common_options *c, const struct connection *connection,
                      size_t others, char *said, size_t *len)
{
    uint64_t deadline = c->timeout ? clock_now() + c->timeout / (others + 1) : NEVER;

    for (*len = 0;;) {
        if (await(connection->fd, deadline) < 0)
            return -ETIMEDOUT;
        ssize_t n = recv(connection->fd, said + *len, SAID_MAX + 1 - *len, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n > 0 && *len + (size_t)n > SAID_MAX) {
            *len = SAID_MAX;
            return -EMSGSIZE;
        }
        *len += n > 0 ? (size_t)n : 0;
        if (n == 0 || (n > 0 && connection->type == SOCK_DGRAM))
            return 0;
    }
}

static void print_text(const struct ask_options *opts, const char *said, size_t len)
{
    bool escape = !opts->raw && isatty(STDOUT_FILENO);
    char *text = memory_zeroed(1, ESCAPED_SIZE(len));

    if (escape)
        len = escape_bytes(text, said, len, "\n\t");
    fwrite(escape ? text : said, 1, len, stdout);
    free(text);
}

static void print_object(const struct connection *connection, const char *said, size_t len,
                         int status)
{
    output_begin("summary");
    output_address("address", &connection->peer);
    output_milliseconds("connect_ms", connection->connect_ns);
    output_count("bytes", len);
    output_bytes("text", said, len);
    output_end_summary(status);
}

static void report_failure(const struct common_options *c, const struct connection *connection,
                           int r)
{
    const char *why = r == 0            ? "the server sent nothing (is it another service?)"
                      : r == -ETIMEDOUT ? "the server sent nothing, or did not close, in time"
                      : r == -EMSGSIZE  ? "the server sent more than 64 KiB: it is another service"
                                        : strerror(-r);
    char peer[ADDRESS_TEXT_MAX];

    diag_say("%s: %s", address_format(&connection->peer, peer, sizeof(peer)), why);
    if (c->json)
        output_error(&connection->peer, why);
}

/* Requests a reply from one address and reads it. Returns 0 or -errno. */
static int ask_once(const struct common_options *c, const struct connection *connection,
                    size_t others, char *said, size_t *len)
{
    int r = request_reply(connection);

    return r < 0 ? r : read_reply(c, connection, others, said, len);
}

static int ask(const struct common_options *c, const struct ask_options *opts,
               struct attempts *attempts, struct connection *connection)
{
    char said[SAID_MAX + 1];
    size_t len = 0,
           others = connection->type == SOCK_DGRAM ? attempts->count - 1 - connection->index : 0;
    int r = ask_once(c, connection, others, said, &len);

    while (r < 0 && r != -EMSGSIZE && others-- > 0 &&
           connection_next(c, attempts, r == -ETIMEDOUT ? -ETIME : r, connection) == 0)
        r = ask_once(c, connection, others, said, &len);
    if (r < 0 && connection->type == SOCK_DGRAM)
        connection_report(c, attempts); /* the failures of other addresses */
    int status = r == 0 && len > 0 ? VERB_WELL : VERB_BAD;
    if (status == VERB_BAD)
        report_failure(c, connection, r);
    if (c->json)
        print_object(connection, said, len, status);
    else
        print_text(opts, said, len);
    return status;
}

static int run_ask(const struct common_options *c, const void *opts)
{
    struct attempts attempts;
    struct connection connection;
    int status;

    if (connection_resolve(c, &attempts) < 0)
        return connection_give_up(c, VERB_UNABLE);
    int r = connection_connect(c, &attempts, -1, &connection);
    if (r < 0)
        status = connection_give_up(c, connection_status(r));
    else
        status = ask(c, opts, &attempts, &connection);
    fd_close(&connection.fd);
    attempts_free(&attempts);
    return status;
}

#define ASKING                                                                                     \
    .datagrams = true, .rows = rows, .row_count = ARRAY_SIZE(rows),                                \
    .defaults = &(const struct ask_options){0}, .size = sizeof(struct ask_options),                \
    .misuse = VERB_UNABLE, .run = run_ask,                                                         \
    .notes =                                                                                       \
        "\nExit status: 0 the server sent data, 1 it did not, or there was no connection, 2\n"     \
        "the test could not be run.\n"

const struct verb verb_whoami = {
    .name = "whoami",
    .summary = "print what a whoami service reports about the connection",
    .port = ECHOC_DEFAULT_PORT,
    ASKING,
};

const struct verb verb_daytime = {
    .name = "daytime",
    .summary = "print what a daytime service sends (RFC 867; port 13)",
    .port = "13",
    ASKING,
};
