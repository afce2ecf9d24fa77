#include "client/arguments.h"

#include "base/span.h"
#include "base/util.h"
#include "client/report.h"
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

enum kind {
    KIND_SET,  /* stores .value in an int */
    KIND_TEXT, /* stores the argument in a const char * */
    KIND_SPAN, /* stores the argument, in microseconds, in a uint64_t */
};

struct row {
    const char *name;
    char letter; /* or 0 */
    enum kind kind;
    size_t offset; /* in struct arguments */
    int value;
    const char *argument; /* its name in the help, for kinds that take one */
    const char *help;
};

#define AT(member) offsetof(struct arguments, member)

static const struct row rows[] = {
    {"ipv4", '4', KIND_SET, AT(target.family), AF_INET, NULL, "use IPv4 only"},
    {"ipv6", '6', KIND_SET, AT(target.family), AF_INET6, NULL, "use IPv6 only"},
    {"unix", 0, KIND_TEXT, AT(target.path), 0, "PATH",
     "connect to the Unix socket PATH (@NAME: an abstract one)"},
    {"timeout", 't', KIND_SPAN, AT(timeout), 0, "SPAN",
     "give up after SPAN without a connection or, while a reply is\n"
     "awaited, without a byte (500ms, 10s, 1min 30s; 0 = never) [10s]"},
    {"no-newline", 'n', KIND_SET, AT(no_newline), 1, NULL,
     "do not end each MESSAGE with a newline"},
    {"verify", 0, KIND_SET, AT(verify), 1, NULL,
     "print no reply; succeed only if every byte came back as sent"},
    {"raw", 0, KIND_SET, AT(raw), 1, NULL, "print replies to a terminal unescaped"},
    {"quiet", 'q', KIND_SET, AT(verbosity), VERBOSITY_QUIET, NULL,
     "no summaries and hints; failures are still reported"},
    {"verbose", 'v', KIND_SET, AT(verbosity), VERBOSITY_VERBOSE, NULL,
     "tell which addresses are tried, and what was transferred"},
    {"help", 'h', KIND_SET, AT(show), SHOW_HELP, NULL, "show this help and exit"},
    {"version", 'V', KIND_SET, AT(show), SHOW_VERSION, NULL, "show the version and exit"},
};

static const char usage[] =
    "Usage: echoc [OPTION]... HOST [PORT [MESSAGE]...]\n"
    "  or:  echoc [OPTION]... --unix PATH [MESSAGE]...\n"
    "Send each MESSAGE (or, without one, standard input) to an echo or message\n"
    "service, and print what comes back.\n"
    "\n"
    "The second operand is always PORT, a number or a service name; it defaults\n"
    "to " ECHOC_DEFAULT_PORT ". Write -- before operands that begin with a dash.\n"
    "\n";

static const char notes[] =
    "\n"
    "Once everything is sent, the sending side of the connection is closed, and\n"
    "replies are read until the server closes, too. If standard input is a terminal,\n"
    "each line is sent as it is typed; Ctrl-D ends. If standard output is a terminal,\n"
    "control bytes and invalid UTF-8 are shown as \\xNN and a backslash as \\\\;\n"
    "anywhere else replies are passed on byte for byte.\n"
    "\n"
    "Exit status:\n"
    "   0  replied (with --verify: byte for byte what was sent)\n"
    "   1  --verify: the reply differs\n"
    "   3  connected, but silent for the timeout\n"
    "   4  the connection ended before everything was sent, or without a reply\n"
    "  64  wrong usage\n"
    "  69  no connection: name not found, connection refused or timed out\n"
    "  71  the system ran short of something\n"
    "  74  cannot read standard input or write standard output\n"
    "\n"
    "Examples:\n"
    "  echoc localhost 7777 hello             one message, one reply\n"
    "  echoc ::1 <file >copy                  copy is identical to file\n"
    "  echoc --verify example.net echo <file  is the path clean?\n"
    "  echoc --unix /run/echod/echo.sock      talk to it line by line\n";

/* getopt_long() hands back .val: the row's index, out of the way of all letters. */
#define FIRST_LONG 256

static const struct row *row_of(int got)
{
    if (got >= FIRST_LONG)
        return &rows[got - FIRST_LONG];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].letter && rows[i].letter == got)
            return &rows[i];
    return NULL;
}

/* Both of getopt_long()'s notations of rows[]: LETTERS and LONGS, which must be zeroed. */
static void describe_rows(char *letters, struct option *longs)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int has_argument = rows[i].kind == KIND_SET ? no_argument : required_argument;
        longs[i] = (struct option){rows[i].name, has_argument, NULL, FIRST_LONG + (int)i};
        if (rows[i].letter)
            *letters++ = rows[i].letter;
        if (rows[i].letter && has_argument)
            *letters++ = ':';
    }
}

static int wrong(const char *what, const char *text)
{
    report_say("%s%s%s", what, text ? ": " : "", text ? text : "");
    report_hint_at_help();
    return -EINVAL;
}

static int store(struct arguments *args, const struct row *row, const char *text)
{
    void *member = (char *)args + row->offset;

    switch (row->kind) {
    case KIND_SET:
        *(int *)member = row->value;
        return 0;
    case KIND_TEXT:
        *(const char **)member = text;
        return 0;
    case KIND_SPAN:
        if (span_parse(text, member) < 0)
            return wrong("not a time span (500ms, 10s, 1min 30s, 0)", text);
        return 0;
    }
    return -EINVAL;
}

/* Options up to the first that asks to be shown something. Returns 0 or -EINVAL, reported. */
static int parse_options(struct arguments *args, int argc, char **argv)
{
    char letters[2 * ARRAY_SIZE(rows) + 1] = "";
    struct option longs[ARRAY_SIZE(rows) + 1] = {0};
    int got, r = 0;

    describe_rows(letters, longs);
    while (r == 0 && args->show == SHOW_NOTHING &&
           (got = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const struct row *row = row_of(got);
        if (!row) /* getopt_long() has said what is wrong */
            report_hint_at_help();
        r = row ? store(args, row, optarg) : -EINVAL;
    }
    return r;
}

/* glibc's getaddrinfo(3) takes a number beyond 65535 and cuts it; it takes " 7" and "+7", too. */
static bool port_is_possible(const char *port)
{
    uint64_t number;
    int r = number_parse(port, &number);

    if (r == 0)
        return number >= 1 && number <= UINT16_MAX;
    return r != -ERANGE && isalnum((unsigned char)*port);
}

static int check_target(const struct target *target)
{
    struct address scratch;

    if (!target->path) {
        if (!target->host || !*target->host)
            return wrong("HOST is missing", NULL);
        if (!port_is_possible(target->port))
            return wrong("PORT is neither 1 to 65535 nor a service name", target->port);
        return 0;
    }
    if (target->family != AF_UNSPEC)
        return wrong("-4 and -6 do not go with --unix", NULL);
    int r = address_unix(&scratch, target->path);
    if (r == -ENAMETOOLONG)
        return wrong("too long for the path of a Unix socket", target->path);
    return r < 0 ? wrong("the path of a Unix socket begins with / or @", target->path) : 0;
}

int arguments_parse(struct arguments *args, int argc, char **argv)
{
    char name[] = "echoc", *given = argv[0];

    *args = (struct arguments){
        .target = {.port = ECHOC_DEFAULT_PORT, .family = AF_UNSPEC},
        .timeout = 10 * USEC_PER_SEC,
        .verbosity = VERBOSITY_NORMAL,
    };
    argv[0] = argc > 0 ? name : NULL; /* getopt_long() begins its complaints with it */
    int r = parse_options(args, argc, argv);
    argv[0] = given;
    if (r < 0 || args->show != SHOW_NOTHING)
        return r;
    if (!args->target.path && optind < argc)
        args->target.host = argv[optind++];
    if (!args->target.path && optind < argc)
        args->target.port = argv[optind++];
    args->messages = argv + optind;
    args->message_count = optind < argc ? (size_t)(argc - optind) : 0;
    return check_target(&args->target);
}

static void print_row(FILE *to, const struct row *row)
{
    char synopsis[64] = "      ";
    const char *text = row->help, *end;

    if (row->letter)
        snprintf(synopsis, sizeof(synopsis), "  -%c, ", row->letter);
    text_append(synopsis, sizeof(synopsis), "--%s", row->name);
    if (row->argument)
        text_append(synopsis, sizeof(synopsis), " %s", row->argument);
    for (; (end = strchr(text, '\n')); text = end + 1, synopsis[0] = '\0')
        fprintf(to, "%-22s%.*s\n", synopsis, (int)(end - text), text);
    fprintf(to, "%-22s%s\n", synopsis, text);
}

void arguments_print_help(FILE *to)
{
    fputs(usage, to);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        print_row(to, &rows[i]);
    fputs(notes, to);
}

void arguments_print_version(FILE *to)
{
    fputs("echoc (echod) " PACKAGE_VERSION "\n", to);
}
