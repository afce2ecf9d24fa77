#include "client/client.h"

#include "base/util.h"
#include "client/arguments.h"
#include "client/connect.h"
#include "client/exchange.h"
#include "client/report.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Tries the address of A and keeps the reason of a failure there. Returns a socket or -errno. */
static int try_address(struct attempt *a, const struct arguments *args)
{
    if (args->verbosity >= VERBOSITY_VERBOSE)
        report_trying(a);
    int fd = connect_address(&a->address, args->timeout);
    a->error = fd < 0 ? fd : 0;
    if (fd < 0 && args->verbosity >= VERBOSITY_VERBOSE)
        report_refused(a); /* here, because a later address may yet succeed */
    return fd;
}

static void report_all_refused(const struct attempts *attempts)
{
    for (size_t i = 0; i < attempts->count; i++)
        report_refused(&attempts->list[i]);
}

/* A socket connected to the first address that answers, stored in *PEER; or -1, reported. */
static int open_connection(const struct arguments *args, struct address *peer)
{
    struct attempts attempts;
    const char *reason;
    int fd = -1;

    if (target_resolve(&args->target, &attempts, &reason) < 0) {
        report_unresolved(&args->target, reason);
        return -1;
    }
    for (size_t i = 0; i < attempts.count && fd < 0; i++) {
        *peer = attempts.list[i].address;
        fd = try_address(&attempts.list[i], args);
    }
    if (fd < 0 && args->verbosity < VERBOSITY_VERBOSE)
        report_all_refused(&attempts);
    attempts_free(&attempts);
    return fd < 0 ? -1 : fd;
}

/* What is to be exchanged over SOCK according to ARGS and to what our descriptors are. */
static struct exchange_plan plan_for(const struct arguments *args, int sock)
{
    int input = args->message_count == 0 ? STDIN_FILENO : -1;

    return (struct exchange_plan){
        .sock = sock,
        .input = input,
        .interactive = input >= 0 && isatty(input),
        .messages = args->messages,
        .message_count = args->message_count,
        .newline = !args->no_newline,
        .output = args->verify ? -1 : STDOUT_FILENO,
        .escape = !args->raw && isatty(STDOUT_FILENO),
        .verify = args->verify,
        .timeout = args->timeout,
    };
}

static int talk(const struct arguments *args)
{
    struct address peer;
    struct exchange_result result;
    int sock = open_connection(args, &peer);

    if (sock < 0)
        return EXIT_UNAVAILABLE;
    struct exchange_plan plan = plan_for(args, sock);
    report_connected(sock, &peer, &plan, args->verbosity);
    exchange_run(&plan, &result);
    fd_close(&sock);
    return report_result(&result, &peer, &plan, args->verbosity);
}

/* Prints with PRINT to standard output and makes sure that it got there. */
static int show(void (*print)(FILE *))
{
    print(stdout);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return ECHOC_OK;
    report_output_lost();
    return EXIT_IOERR;
}

int client_main(int argc, char **argv)
{
    struct arguments args;

    fd_ensure_standard();
    signal(SIGPIPE, SIG_IGN);
    if (arguments_parse(&args, argc, argv) < 0)
        return EXIT_USAGE;
    if (args.show == SHOW_HELP)
        return show(arguments_print_help);
    if (args.show == SHOW_VERSION)
        return show(arguments_print_version);
    return talk(&args);
}
