#include "client/check.h"

#include "base/escape.h"
#include "base/span.h"
#include "base/util.h"
#include "client/check_talk.h"
#include "client/common.h"
#include "client/range.h"
#include "client/report.h"
#include "client/streams.h"
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct check {
    struct target target;
    struct range warning, critical;
    uint64_t timeout; /* microseconds, of everything */
    const char *send; /* NULL: none */
    const char *expect;
    int udp;
    int verbose;
    int show;
};

#define AT(member) offsetof(struct check, member)

static int parse_range(const char *text, void *member)
{
    return range_parse(text, member);
}

static const struct option_type type_range = {parse_range, "a range of seconds (0.5, 1:2, @0:1)"};

static const struct option_row rows[] = {
    {"hostname", 'H', &argument_text, AT(target.host), 0, "HOST",
     "name, address, or path of a Unix socket"},
    {"port", 'p', &argument_text, AT(target.port), 0, "PORT",
     "number or name of the service [" ECHOC_DEFAULT_PORT "]"},
    {"warning", 'w', &type_range, AT(warning), 0, "RANGE",
     "WARNING for a time outside of it, in seconds"},
    {"critical", 'c', &type_range, AT(critical), 0, "RANGE", "CRITICAL likewise"},
    {"timeout", 't', &argument_span, AT(timeout), 0, "SPAN",
     "CRITICAL after SPAN in all (10, 0.5, 500ms) [10]"},
    {"send", 's', &argument_text, AT(send), 0, "TEXT",
     "send TEXT (\\n, \\r, \\t, \\xNN, \\\\) and not a probe"},
    {"expect", 'e', &argument_text, AT(expect), 0, "TEXT",
     "TEXT has to be in the reply; else what was sent is"},
    {"udp", 'u', NULL, AT(udp), 1, NULL, "send a datagram"},
    {"use-ipv4", '4', NULL, AT(target.family), AF_INET, NULL, "use IPv4 only"},
    {"use-ipv6", '6', NULL, AT(target.family), AF_INET6, NULL, "use IPv6 only"},
    {"verbose", 'v', NULL, AT(verbose), 1, NULL, "tell more in further lines"},
    {"help", 'h', NULL, AT(show), SHOW_HELP, NULL, "show this help and exit"},
    {"version", 'V', NULL, AT(show), SHOW_VERSION, NULL, "show the version and exit"},
};

/* What the handler of SIGALRM writes: the lookup of a name cannot be given a deadline. */
static char too_late[96];

static void on_alarm(int number)
{
    (void)number;
    ssize_t ignored = write(STDOUT_FILENO, too_late, strlen(too_late));
    (void)ignored;
    _exit(CHECK_CRITICAL);
}

/* A little later than what everything else is bound by, which can say more. */
static void arm(const struct check *check)
{
    uint64_t seconds = check->timeout / USEC_PER_SEC + 2;
    char span[SPAN_TEXT_MAX];

    snprintf(too_late, sizeof(too_late), "ECHO CRITICAL - the lookup timed out after %s\n",
             span_format(check->timeout, span, sizeof(span)));
    signal(SIGALRM, on_alarm);
    alarm(seconds < 86400 ? (unsigned)seconds : 86400);
}

/* ---- the line ---- */

static int say(int status, const char *format, ...) PRINTF_LIKE(2, 3);
static int say(int status, const char *format, ...)
{
    static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    va_list args;

    printf("ECHO %s - ", names[status]);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    return status;
}

static const char *text_of(const struct range *range)
{
    return range->text ? range->text : "";
}

static int say_time(const struct check *check, const struct address *peer, uint64_t ns, size_t size)
{
    int status = range_alerts(&check->critical, ns)  ? CHECK_CRITICAL
                 : range_alerts(&check->warning, ns) ? CHECK_WARNING
                                                     : CHECK_OK;
    char address[ADDRESS_TEXT_MAX];
    uint64_t usec = ns / NSEC_PER_USEC;

    return say(status,
               "%zu byte%s returned by %s in %" PRIu64 ".%06" PRIu64 " s | time=%" PRIu64
               ".%06" PRIu64 "s;%s;%s;0 size=%zuB",
               size, plural(size), address_format(peer, address, sizeof(address)),
               usec / USEC_PER_SEC, usec % USEC_PER_SEC, usec / USEC_PER_SEC, usec % USEC_PER_SEC,
               text_of(&check->warning), text_of(&check->critical), size);
}

/* ---- the check ---- */

/* Tries each address until the deadline. Returns a socket, or -1 with the reasons in WHY. */
static int open_socket(const struct check *check, struct attempts *attempts, uint64_t deadline,
                       struct address *peer, char *why)
{
    struct connect_plan plan = {.type = check->target.type, .dscp = -1, .wake = -1};
    char reason[CHECK_WHY_MAX];

    *why = '\0';
    for (size_t i = 0; i < attempts->count; i++) {
        struct attempt *a = &attempts->list[i];
        uint64_t now = clock_now();
        plan.timeout = deadline > now ? deadline - now : 1;
        int fd = connect_address(&a->address, &plan);
        *peer = a->address;
        if (fd >= 0)
            return fd;
        a->error = fd;
        text_append(why, CHECK_WHY_MAX, "%s%s", *why ? "; " : "",
                    report_reason(a, reason, sizeof(reason)));
    }
    return -1;
}

static void tell_failures(const struct attempts *attempts)
{
    char reason[CHECK_WHY_MAX];

    for (size_t i = 0; i < attempts->count; i++)
        if (attempts->list[i].error)
            puts(report_reason(&attempts->list[i], reason, sizeof(reason)));
}

static int talk(const struct check *check, struct attempts *attempts)
{
    uint64_t begin = clock_nanoseconds(), deadline = begin / NSEC_PER_USEC + check->timeout;
    char why[CHECK_WHY_MAX], address[ADDRESS_TEXT_MAX];
    char *send = check->send ? text_copy(check->send) : NULL;
    struct address peer;
    int fd = open_socket(check, attempts, deadline, &peer, why);
    struct check_talk t = {
        .fd = fd,
        .type = connect_type(fd),
        .send = send,
        .send_len = send ? (size_t)unescape_text(send, check->send) : 0,
        .expect = check->expect,
        .deadline = deadline,
    };
    int status;

    if (fd < 0)
        status = say(CHECK_CRITICAL, "%s", why);
    else if (check_talk(&t, why))
        status = say_time(check, &peer, clock_nanoseconds() - begin, t.received);
    else
        status =
            say(CHECK_CRITICAL, "%s: %s", address_format(&peer, address, sizeof(address)), why);
    fd_close(&fd);
    free(send);
    return status;
}

static int run(const struct check *check)
{
    struct attempts attempts;
    const char *reason;

    arm(check);
    if (target_resolve(&check->target, &attempts, &reason) < 0)
        return say(CHECK_CRITICAL, "cannot find the address of %s port %s: %s",
                   check->target.path ? check->target.path : check->target.host, check->target.port,
                   reason);
    int status = talk(check, &attempts);
    if (check->verbose)
        tell_failures(&attempts);
    attempts_free(&attempts);
    return status;
}

/* ---- the command line ---- */

static int print_help(void)
{
    puts("Usage: check_echo -H HOST [-p PORT] [OPTION]...\n"
         "A monitoring plugin: does an echo server return what it is sent, and how fast?\n");
    options_print(rows, ARRAY_SIZE(rows), stdout);
    puts("\nExit status: 0 OK, 1 WARNING, 2 CRITICAL (timeouts and unknown names among\n"
         "them), 3 UNKNOWN: wrong usage, this help, the version.");
    return CHECK_UNKNOWN;
}

static int unusable(const char *what)
{
    return say(CHECK_UNKNOWN, "%s (try check_echo --help)", what);
}

static int check_arguments(struct check *check)
{
    char *scratch = text_copy(check->send ? check->send : "");
    bool bad_escape = unescape_text(scratch, scratch) < 0;

    free(scratch);
    if (!check->target.host || !*check->target.host)
        return unusable("-H is missing");
    if (!common_is_port(check->target.port))
        return unusable("-p is neither 1 to 65535 nor a service name");
    if (check->send && !*check->send && !check->expect)
        return unusable("-s is empty, and nothing is expected");
    if (bad_escape)
        return unusable("-s has an unknown escape: \\n, \\r, \\t, \\xNN and \\\\ are known");
    if (check->timeout == 0)
        return unusable("-t has to be more than 0");
    check->target.type = check->udp ? SOCK_DGRAM : SOCK_STREAM;
    if (*check->target.host == '/')
        check->target.path = check->target.host;
    if (check->target.path && check->udp)
        return unusable("-u does not go with a Unix socket");
    return CHECK_OK;
}

static int parse_and_run(int argc, char **argv)
{
    struct check check = {
        .target = {.port = ECHOC_DEFAULT_PORT, .family = AF_UNSPEC},
        .timeout = 10 * USEC_PER_SEC,
    };
    const struct option_set set = {rows, ARRAY_SIZE(rows), &check};

    int first = options_parse(&set, 1, argc, argv, &check.show);
    if (check.show == SHOW_HELP)
        return print_help();
    if (check.show == SHOW_VERSION) {
        puts("check_echo (echod) " PACKAGE_VERSION);
        return CHECK_UNKNOWN;
    }
    if (first < 0)
        return unusable("the command line is wrong");
    if (first < argc)
        return unusable("unexpected operand");
    int status = check_arguments(&check);
    return status == CHECK_OK ? run(&check) : status;
}

int check_main(int argc, char **argv)
{
    static char name[] = "check_echo";
    struct streams streams;

    program_invocation_short_name = name;
    if (argc > 0)
        argv[0] = name; /* getopt_long() begins its complaints with it */
    int r = streams_open(&streams);
    int status = r == 0
                     ? parse_and_run(argc, argv)
                     : say(CHECK_UNKNOWN, "cannot set up the standard streams: %s", strerror(-r));
    return streams_close(&streams, status, CHECK_UNKNOWN);
}
