#include "ctl/ctl.h"

#include "base/exit.h"
#include "base/macros.h"
#include "base/text.h"
#include "client/io/streams.h"
#include "config.h"
#include "ctl/request.h"
#include "ctl/show.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum shape { SHAPE_PAIRS, SHAPE_TABLE, SHAPE_METRICS, SHAPE_VERDICT, SHAPE_NOTHING };

#define OPERANDS_MAX 2

static const struct command {
    const char *name;
    const char *operands[OPERANDS_MAX]; /* their names, NULL after the last */
    enum shape shape;
    const char *none; /* what to print for a table without rows */
    const char *help;
} commands[] = {
    {"status", {NULL}, SHAPE_PAIRS, NULL, "the state of echod and its counters"},
    {"list", {NULL}, SHAPE_TABLE, "no clients", "the clients that are being served"},
    {"listeners",
     {NULL},
     SHAPE_TABLE,
     "no listeners",
     "the listening sockets, and who opened each"},
    {"datagrams",
     {NULL},
     SHAPE_TABLE,
     "no datagram sockets",
     "the datagram sockets, with their counters"},
    {"kill", {"ID"}, SHAPE_NOTHING, NULL, "end the session of client ID; repeat to end it at once"},
    {"check-access",
     {"ADDRESS", "LISTENER"},
     SHAPE_VERDICT,
     NULL,
     "whether a client from ADDRESS would be served, and why"},
    {"reload",
     {NULL},
     SHAPE_NOTHING,
     NULL,
     "reload configuration and program, disconnecting nobody"},
    {"metrics", {NULL}, SHAPE_METRICS, NULL, "metrics in the Prometheus text format"},
};

/* The largest replies. A table has a row for each client. */
#define TABLE_MAX ((size_t)32 << 20)
#define ANSWER_MAX ((size_t)1 << 20)

/* The user that the service runs as. */
#define SERVICE_USER "echod"

/* How often to repeat a request whose reply was cut off. */
#define RETRIES 10

struct arguments {
    const struct command *command;
    const char *operands[OPERANDS_MAX];
    char *socket; /* allocated */
    bool json;
};

/* Writes the name of COMMAND and OPERANDS, or the names of its operands. */
static void join(char *buf, size_t size, const struct command *command, const char *const *operands)
{
    snprintf(buf, size, "%s", command->name);
    for (size_t i = 0; i < OPERANDS_MAX && operands[i]; i++)
        text_append(buf, size, " %.64s", operands[i]);
}

static void print_help(void)
{
    puts("Usage: echoctl [OPTION]... COMMAND\nControl a running echod.\n\nCommands:");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        char synopsis[64];
        join(synopsis, sizeof(synopsis), &commands[i], commands[i].operands);
        printf("  %-16s%s %s\n", synopsis, strlen(synopsis) > 16 ? "\n                  " : "",
               commands[i].help);
    }
    puts("\n"
         "  -i, --instance NAME  talk to echod@NAME.service\n"
         "  -s, --socket PATH    talk to the echod with this control socket\n"
         "                       (default: " RUNSTATEDIR "/echod/control)\n"
         "  -j, --json           print JSON\n"
         "  -V, --version        print the version and exit\n"
         "  -h, --help           print this help and exit\n"
         "\n"
         "Exit status: 0 success, 1 echod rejected it, or check-access: would not be served,\n"
         "3 echod is not running, 4 its state is unknown, 64 bad command line.");
}

static int usage_error(const char *what, const char *text)
{
    fprintf(stderr, "echoctl: %s%s%s\nTry 'echoctl --help'.\n", what, text ? ": " : "",
            text ? text : "");
    return EXIT_USAGE;
}

static void set_socket(struct arguments *args, const char *format, const char *text)
{
    free(args->socket);
    if (asprintf(&args->socket, format, text) < 0)
        args->socket = NULL;
}

/* The characters of instance names in systemd.unit(5). */
static bool is_instance(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789:-_.\\@";

    return *name && name[strspn(name, allowed)] == '\0';
}

/* Returns 0 to continue, or -1 to exit with *STATUS. */
static int enter(struct arguments *args, int option, int *status)
{
    *status = 0;
    switch (option) {
    case 'i':
        if (!is_instance(optarg)) {
            *status = usage_error("not a valid instance name (see systemd-escape(1))", optarg);
            return -1;
        }
        set_socket(args, RUNSTATEDIR "/echod-%s/control", optarg);
        return 0;
    case 's':
        set_socket(args, "%s", optarg);
        return 0;
    case 'j':
        args->json = true;
        return 0;
    case 'V':
        puts("echoctl (echod) " PACKAGE_VERSION);
        return -1;
    case 'h':
        print_help();
        return -1;
    default: /* getopt_long(3) has printed the error */
        fputs("Try 'echoctl --help'.\n", stderr);
        *status = EXIT_USAGE;
        return -1;
    }
}

static int take_operands(struct arguments *args, int argc, char **argv)
{
    if (optind == argc)
        return usage_error("a command is missing", NULL);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i].name, argv[optind]) == 0)
            args->command = &commands[i];
    if (!args->command)
        return usage_error("unknown command", argv[optind]);
    optind++;
    for (size_t i = 0; i < OPERANDS_MAX && args->command->operands[i]; i++) {
        if (optind == argc)
            return usage_error("an operand is missing", args->command->operands[i]);
        args->operands[i] = argv[optind++];
    }
    return optind < argc ? usage_error("unexpected operand", argv[optind]) : 0;
}

/* Returns 0 to continue, or -1 to exit with *STATUS. */
static int parse(struct arguments *args, int argc, char **argv, int *status)
{
    static const struct option options[] = {
        {"instance", required_argument, NULL, 'i'}, {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},           {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "i:s:jVh", options, NULL)) != -1)
        if (enter(args, option, status) < 0)
            return -1;
    *status = take_operands(args, argc, argv);
    return *status ? -1 : 0;
}

static int report_failure(const char *socket, int error)
{
    switch (error) {
    case -ENOENT:
    case -ECONNREFUSED:
        fprintf(stderr,
                "echoctl: no echod is listening on %s; is the service running? (see CONTROL SOCKET "
                "in echod(8))\n",
                socket);
        return CTL_NOT_RUNNING;
    case -EPROTO:
    case -ECONNRESET:
    case -EPIPE:
        fprintf(stderr, "echoctl: the echod at %s closed the connection without a reply\n", socket);
        return CTL_UNKNOWN;
    case -EMSGSIZE:
        fprintf(stderr, "echoctl: the reply from %s is too long to be from echod\n", socket);
        return CTL_UNKNOWN;
    case -EINVAL:
        fprintf(stderr, "echoctl: the path of a control socket must begin with /: %s\n", socket);
        return EXIT_USAGE;
    case -ENAMETOOLONG:
        fprintf(stderr, "echoctl: too long for the path of a Unix socket: %s\n", socket);
        return EXIT_USAGE;
    case -EACCES:
        fprintf(stderr,
                "echoctl: permission denied: %s is for root and the group of echod (sudo?)\n",
                socket);
        return CTL_UNKNOWN;
    case -ETIMEDOUT:
        fprintf(stderr,
                "echoctl: no reply from the echod at %s in time; is it overloaded or stopped?\n",
                socket);
        return CTL_UNKNOWN;
    default:
        fprintf(stderr, "echoctl: %s: %s\n", socket, strerror(-error));
        return CTL_UNKNOWN;
    }
}

static void show(const struct arguments *args, char *text)
{
    enum shape shape = args->command->shape;

    if (shape == SHAPE_METRICS && args->json)
        show_metrics(text, stdout);
    else if (shape == SHAPE_METRICS)
        fputs(text, stdout);
    else if (shape == SHAPE_VERDICT && !args->json)
        show_verdict(text, stdout);
    else if (args->json)
        show_json(text, shape != SHAPE_TABLE, stdout);
    else if (shape == SHAPE_PAIRS)
        show_pairs(text, stdout);
    else if (shape == SHAPE_TABLE && *text == '\0')
        puts(args->command->none); /* instead of a table with a header only */
    else if (shape == SHAPE_TABLE)
        show_table(text, stdout);
}

/* Prefixes each line with the name of the program. */
static void print_error(char *error)
{
    char *line;

    while ((line = strsep(&error, "\n")) != NULL)
        if (*line)
            fprintf(stderr, "echoctl: %s\n", line);
}

static bool is_disconnected(int error)
{
    return error == -ECONNRESET || error == -EPIPE;
}

/* The exit status of check-access depends on the reply. */
static int outcome(const struct arguments *args, const struct answer *answer)
{
    static const char allowed[] = "verdict=allowed\t";

    if (answer->error)
        return CTL_FAILED;
    return args->command->shape != SHAPE_VERDICT ||
                   strncmp(answer->text, allowed, strlen(allowed)) == 0
               ? 0
               : CTL_FAILED;
}

/* Warns if the process that replied is not trusted. */
static void warn_about_server(const struct arguments *args, const struct ucred *by)
{
    const struct passwd *service = getpwnam(SERVICE_USER);
    bool expected = by->uid == 0 || by->uid == geteuid() || (service && by->uid == service->pw_uid);

    if (by->pid == 0 || expected)
        return;
    const struct passwd *user = getpwuid(by->uid);
    fprintf(
        stderr,
        "echoctl: warning: %s is served by process %d of the user %s (uid %u), who is neither root "
        "nor " SERVICE_USER "\n",
        args->socket, (int)by->pid, user ? user->pw_name : "without a name", (unsigned)by->uid);
}

static int request(const struct arguments *args)
{
    struct answer answer;
    char line[128]; /* the longest request of the daemon */
    size_t limit = args->command->shape == SHAPE_TABLE ? TABLE_MAX : ANSWER_MAX;

    join(line, sizeof(line), args->command, args->operands);
    int r = request_exchange(args->socket, line, limit, &answer);
    /* A reload closes the connections of queries. The new program answers them. */
    for (int i = 0; i < RETRIES && is_disconnected(r) && args->command->shape != SHAPE_NOTHING;
         i++) {
        answer_free(&answer);
        r = request_exchange(args->socket, line, limit, &answer);
    }
    warn_about_server(args, &answer.by);
    int status = r < 0 ? report_failure(args->socket, r) : outcome(args, &answer);
    if (r == 0 && !answer.error)
        show(args, answer.text);
    else if (r == 0)
        print_error(answer.error);
    answer_free(&answer);
    return status;
}

static int parse_and_request(int argc, char **argv)
{
    struct arguments args = {.socket = text_copy(RUNSTATEDIR "/echod/control")};
    int status;

    if (parse(&args, argc, argv, &status) == 0)
        status = args.socket ? request(&args) : EXIT_OSERR;
    free(args.socket);
    return status;
}

int ctl_main(int argc, char **argv)
{
    static char name[] = "echoctl";
    struct streams streams;

    program_invocation_short_name = name;
    if (argc > 0)
        argv[0] = name; /* getopt_long() begins its complaints with it */
    int r = streams_open(&streams), status = EXIT_IOERR;
    if (r == 0)
        status = parse_and_request(argc, argv);
    else
        fprintf(stderr, "echoctl: cannot set up the standard streams: %s\n", strerror(-r));
    return streams_close(&streams, status, EXIT_IOERR);
}
