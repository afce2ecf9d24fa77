#include "base/duration.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/macros.h"
#include "client/command/connection.h"
#include "client/connect/connect_diag.h"
#include "client/exchange/datagram_exchange.h"
#include "client/exchange/exchange_diag.h"
#include "client/exchange/stream_exchange.h"
#include "client/io/output.h"
#include "client/results/tcp_info.h"
#include "client/verbs/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct send_options {
    int no_newline;
    int verify;
    int raw;
};

#define AT(member) offsetof(struct send_options, member)

static const struct option_row rows[] = {
    {"no-newline", 'n', NULL, AT(no_newline), 1, NULL, "do not end each MESSAGE with a newline"},
    {"verify", 0, NULL, AT(verify), 1, NULL,
     "print no reply; succeed only if every byte comes back"},
    {"raw", 0, NULL, AT(raw), 1, NULL, "print replies to a terminal unescaped"},
};

/* Plans the exchange over SOCK, according to the options and the kinds of our descriptors. */
static struct exchange_plan plan_for(const struct common_options *c,
                                     const struct send_options *opts, int sock)
{
    int input = c->rest_count == 0 ? STDIN_FILENO : -1;

    return (struct exchange_plan){
        .sock = sock,
        .input = input,
        .interactive = input >= 0 && isatty(input),
        .messages = c->rest,
        .message_count = c->rest_count,
        .newline = !opts->no_newline,
        .output = opts->verify ? -1 : STDOUT_FILENO,
        .json = c->json,
        .escape = !opts->raw && isatty(STDOUT_FILENO),
        .verify = opts->verify,
        .timeout = c->timeout,
    };
}

static void print_summary(const struct exchange_result *result, const struct connection *connection,
                          const struct tcp_facts *tcp, int status)
{
    output_begin("summary");
    output_address("address", &connection->peer);
    if (connection->type != SOCK_STREAM) {
        output_count("messages", result->messages);
        output_count("unanswered", result->unanswered);
    }
    output_count("sent_bytes", result->sent);
    output_count("received_bytes", result->received);
    if (connection->type != SOCK_DGRAM)
        output_milliseconds("connect_ms", connection->connect_ns);
    output_milliseconds("duration_ms", result->duration * 1000);
    tcp_facts_put(tcp);
    output_end_summary(status);
}

/* The context of next_socket(). */
struct next {
    const struct common_options *common;
    struct attempts *attempts;
    struct connection *connection;
};

/* The callback exchange_plan.next. */
static int next_socket(void *context, int error)
{
    struct next *next = context;
    int r = connection_next(next->common, next->attempts, error, next->connection);

    return r < 0 ? r : next->connection->fd;
}

static int exchange_over(const struct common_options *c, const void *opts,
                         struct attempts *attempts, const struct connection *first)
{
    struct connection connection = *first;
    struct exchange_result result;
    struct exchange_plan plan = plan_for(c, opts, connection.fd);
    struct next next = {c, attempts, &connection};

    plan.next = next_socket;
    plan.context = &next;
    plan.others = connection.type == SOCK_DGRAM ? attempts->count - 1 - connection.index : 0;
    exchange_diag_connected(connection.fd, &connection.peer, &plan, c->verbosity);
    if (connection.type == SOCK_STREAM)
        stream_exchange_run(&plan, &result);
    else
        datagram_exchange_run(&plan, &result);
    struct tcp_facts tcp = {0};
    tcp_facts_add(&tcp, connection.fd);
    fd_close(&connection.fd);
    if (connection.type == SOCK_DGRAM && result.ending != ENDED_CLOSED)
        connection_report(c, attempts); /* the failures of other addresses */
    int status = exchange_diag_result(&result, &connection.peer, &plan, c->verbosity);
    if (c->json && result.ending != ENDED_OUTPUT)
        print_summary(&result, &connection, &tcp, status);
    else if (c->verbosity >= VERBOSITY_VERBOSE)
        tcp_facts_report(&tcp);
    return status;
}

static int run_send(const struct common_options *c, const void *opts)
{
    struct attempts attempts;
    struct connection connection;
    int status, r = connection_resolve(c, &attempts);

    if (r == -EPROTONOSUPPORT && c->verbosity > VERBOSITY_QUIET)
        connect_diag_hint_at_port(&c->target);
    if (r < 0)
        return connection_give_up(c, r == -EAGAIN ? EXIT_OSERR : EXIT_UNAVAILABLE);
    r = connection_connect(c, &attempts, -1, &connection);
    if (r < 0)
        status = connection_give_up(c, connect_ran_short(r) ? EXIT_OSERR : EXIT_UNAVAILABLE);
    else
        status = exchange_over(c, opts, &attempts, &connection);
    attempts_free(&attempts);
    return status;
}

const struct verb verb_send = {
    .name = "send",
    .summary = "send messages, or standard input, and print what comes back",
    .trailing = "[MESSAGE]...",
    .port = ECHOC_DEFAULT_PORT,
    .datagrams = true,
    .rows = rows,
    .row_count = ARRAY_SIZE(rows),
    .defaults = &(const struct send_options){0},
    .size = sizeof(struct send_options),
    .misuse = EXIT_USAGE,
    .run = run_send,
    .notes = "Once everything has been sent, the sending side is closed, and replies are read\n"
             "until the server closes, too. With -u, each MESSAGE, or line, is a datagram; the\n"
             "next one is sent when it has been answered.\n\nExit status:\n"
             "   0  replied (with --verify: byte for byte what was sent)\n"
             "   1  --verify: the reply differs\n   3  connected, but silent for the timeout\n"
             "   4  the connection ended before everything was sent, or without a reply\n"
             "  64  wrong usage\n  65  a MESSAGE, or line, is too long for a datagram\n"
             "  69  no connection: name not found, connection refused or timed out\n"
             "  71  a system resource is exhausted\n"
             "  74  cannot read standard input or write standard output\n",
};
