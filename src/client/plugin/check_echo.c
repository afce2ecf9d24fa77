#include "client/plugin/check_echo.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/text.h"
#include "client/command/common_options.h"
#include "client/connect/connect_diag.h"
#include "client/connect/race.h"
#include "client/io/streams.h"
#include "client/plugin/expect.h"
#include "client/plugin/threshold.h"
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sentence is truncated to this, as plugin output is limited. */
#define TEXT_MAX 1024

struct check {
    struct target target;
    struct threshold warning, critical;
    uint64_t timeout; /* microseconds, for everything */
    const char *send; /* or NULL */
    const char *expect;
    int udp;
    int verbose;
    int show;
};

#define AT(member) offsetof(struct check, member)

static int parse_threshold(const char *text, void *member)
{
    return threshold_parse(text, member);
}

static const struct option_type type_threshold = {parse_threshold,
                                                  "a range of seconds (0.5, 1:2, @0:1)"};

static const struct option_row rows[] = {
    {"hostname", 'H', &argument_text, AT(target.host), 0, "HOST",
     "name, address, or path of a Unix socket"},
    {"port", 'p', &argument_text, AT(target.port), 0, "PORT",
     "number or service name [" ECHOC_DEFAULT_PORT "]"},
    {"warning", 'w', &type_threshold, AT(warning), 0, "RANGE",
     "WARNING if the time in seconds is outside it"},
    {"critical", 'c', &type_threshold, AT(critical), 0, "RANGE", "CRITICAL likewise"},
    {"timeout", 't', &argument_span, AT(timeout), 0, "SPAN",
     "CRITICAL after SPAN in total (10, 0.5, 500ms) [10]"},
    {"send", 's', &argument_text, AT(send), 0, "TEXT",
     "send TEXT (\\n, \\r, \\t, \\xNN, \\\\) instead of a probe"},
    {"expect", 'e', &argument_text, AT(expect), 0, "TEXT",
     "expect TEXT in the reply [what was sent]"},
    {"udp", 'u', NULL, AT(udp), 1, NULL, "send a datagram"},
    {"use-ipv4", '4', NULL, AT(target.family), AF_INET, NULL, "use IPv4 only"},
    {"use-ipv6", '6', NULL, AT(target.family), AF_INET6, NULL, "use IPv6 only"},
    {"verbose", 'v', NULL, AT(verbose), 1, NULL, "print details on further lines"},
    {"help", 'h', NULL, AT(show), SHOW_HELP, NULL, "show this help and exit"},
    {"version", 'V', NULL, AT(show), SHOW_VERSION, NULL, "show the version and exit"},
};

/* ---- output ---- */

/* Prints TEXT on one line, with nothing that could be taken for performance data. */
static void print_text(char *text)
{
    escape_disarm(text, NULL);
    for (char *p = text; *p; p++)
        *p = *p == '|' ? '/' : *p;
    fputs(text, stdout);
}

/* Prints the state and a sentence, without a newline. Returns STATUS. */
static int vbegin_line(int status, const char *format, va_list args)
{
    static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    char text[TEXT_MAX];

    vsnprintf(text, sizeof(text), format, args);
    printf("ECHO %s - ", names[status]);
    print_text(text);
    return status;
}

static int begin_line(int status, const char *format, ...) PRINTF_LIKE(2, 3);
static int begin_line(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vbegin_line(status, format, args);
    va_end(args);
    return status;
}

/* Prints a whole line without performance data. Returns STATUS. */
static int print_state(int status, const char *format, ...) PRINTF_LIKE(2, 3);
static int print_state(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vbegin_line(status, format, args);
    va_end(args);
    putchar('\n');
    return status;
}

static const char *text_of(const struct threshold *range)
{
    return range->text ? range->text : "";
}

static int print_time(const struct check *check, const struct address *peer, uint64_t ns,
                      size_t size)
{
    int status = threshold_alerts(&check->critical, ns)  ? CHECK_CRITICAL
                 : threshold_alerts(&check->warning, ns) ? CHECK_WARNING
                                                         : CHECK_OK;
    char address[ADDRESS_TEXT_MAX];
    uint64_t usec = ns / NSEC_PER_USEC;

    begin_line(status, "%zu byte%s returned by %s in %" PRIu64 ".%06" PRIu64 " s", size,
               plural(size), address_format(peer, address, sizeof(address)), usec / USEC_PER_SEC,
               usec % USEC_PER_SEC);
    printf(" | time=%" PRIu64 ".%06" PRIu64 "s;%s;%s;0 size=%zuB\n", usec / USEC_PER_SEC,
           usec % USEC_PER_SEC, text_of(&check->warning), text_of(&check->critical), size);
    return status;
}

/* ---- the check ---- */

/* The outcome at the address that was tried last. */
struct outcome {
    struct address peer;
    size_t received;          /* bytes */
    uint64_t arrived;         /* when, nanoseconds */
    bool right;               /* the answer was correct */
    bool ran_short;           /* this system lacks resources */
    char why[EXPECT_WHY_MAX]; /* why the answer was not correct */
};

static void add_reason(struct outcome *outcome, const char *reason)
{
    text_append(outcome->why, sizeof(outcome->why), "%s%s", *outcome->why ? "; " : "", reason);
}

/* Runs the check over FD until DEADLINE. Returns whether to try another address, which is the case
 * for datagrams without an answer. */
static bool ask(const struct check *check, int fd, uint64_t deadline, struct outcome *outcome)
{
    char why[EXPECT_WHY_MAX] = "", reason[EXPECT_WHY_MAX + ADDRESS_TEXT_MAX],
         peer[ADDRESS_TEXT_MAX];
    char *send = check->send ? text_copy(check->send) : NULL;
    struct expectation t = {
        .fd = fd,
        .type = connect_type(fd),
        .send = send,
        .send_len = send ? (size_t)unescape_text(send, check->send) : 0,
        .expect = check->expect,
        .deadline = deadline,
    };

    outcome->right = expect_answer(&t, why);
    outcome->received = t.received;
    outcome->arrived = t.arrived;
    free(send);
    if (outcome->right)
        return false;
    snprintf(reason, sizeof(reason), "%s: %s", address_format(&outcome->peer, peer, sizeof(peer)),
             why);
    add_reason(outcome, reason);
    return t.type == SOCK_DGRAM && !t.answered;
}

static void add_failures(struct outcome *outcome, const struct attempts *attempts, size_t first)
{
    char reason[EXPECT_WHY_MAX];

    for (size_t i = first; i < attempts->count; i++)
        if (attempts->list[i].error)
            add_reason(outcome, connect_diag_reason(&attempts->list[i], reason, sizeof(reason)));
}

/* Gives each remaining address its share of the time until DEADLINE. */
static uint64_t share_of(const struct check *check, uint64_t deadline, size_t left)
{
    uint64_t now = clock_now();

    return check->udp && now < deadline ? now + (deadline - now) / left : deadline;
}

/* Tries the addresses until DEADLINE. OUTCOME->why lists those without an answer, with reasons. */
static void talk(const struct check *check, struct attempts *attempts, uint64_t deadline,
                 struct outcome *outcome)
{
    struct connect_plan plan = {
        .type = check->target.type, .dscp = -1, .wake = -1, .deadline = deadline};
    bool again = true;

    for (size_t first = 0, i; again && first < attempts->count; first = i + 1) {
        int fd = race_connect(attempts, first, &plan, NULL, &i);
        if (fd < 0) {
            add_failures(outcome, attempts, first);
            outcome->ran_short = connect_ran_short(fd);
            return;
        }
        outcome->peer = attempts->list[i].address;
        again = ask(check, fd, share_of(check, deadline, attempts->count - i), outcome);
        fd_close(&fd);
    }
}

static void print_failures(const struct attempts *attempts)
{
    char reason[EXPECT_WHY_MAX];

    for (size_t i = 0; i < attempts->count; i++)
        if (attempts->list[i].error) {
            connect_diag_reason(&attempts->list[i], reason, sizeof(reason));
            print_text(reason);
            putchar('\n');
        }
}

static int report_unresolved(const struct check *check, int error, const char *reason)
{
    char span[DURATION_TEXT_MAX], after[DURATION_TEXT_MAX + 8] = "";

    if (error == -ETIMEDOUT)
        snprintf(after, sizeof(after), " after %s",
                 duration_format(check->timeout, span, sizeof(span)));
    if (check->target.path)
        return print_state(CHECK_UNKNOWN, "cannot connect to %.255s: %s", check->target.path,
                           reason);
    bool ours = error == -EAGAIN || error == -EPROTONOSUPPORT; /* a shortage, a wrong option */
    return print_state(ours ? CHECK_UNKNOWN : CHECK_CRITICAL,
                       "cannot find the address of %.255s port %.64s: %s%s", check->target.host,
                       check->target.port, reason, after);
}

static int run(const struct check *check)
{
    uint64_t deadline = clock_now() + check->timeout;
    struct outcome outcome = {0};
    struct attempts attempts;
    const char *reason;
    int status, r = target_resolve(&check->target, deadline, &attempts, &reason);

    if (r < 0)
        return report_unresolved(check, r, reason);
    uint64_t begin = clock_nanoseconds();
    talk(check, &attempts, deadline, &outcome);
    if (outcome.right)
        status = print_time(check, &outcome.peer, outcome.arrived - begin, outcome.received);
    else
        status = print_state(outcome.ran_short ? CHECK_UNKNOWN : CHECK_CRITICAL, "%s", outcome.why);
    if (check->verbose && outcome.right)
        print_failures(&attempts);
    attempts_free(&attempts);
    return status;
}

/* ---- the command line ---- */

static int print_help(void)
{
    puts("Usage: check_echo -H HOST [-p PORT] [OPTION]...\n"
         "Monitoring plugin: does an echo server return what it receives, and how fast?\n");
    options_print(rows, ARRAY_SIZE(rows), stdout);
    puts("\nExit status: 0 OK, 1 WARNING, 2 CRITICAL (including timeouts and unknown\n"
         "names), 3 UNKNOWN: wrong usage, this help, the version.");
    return CHECK_UNKNOWN;
}

static int unusable(const char *what)
{
    return print_state(CHECK_UNKNOWN, "%s (try check_echo --help)", what);
}

static int check_arguments(struct check *check)
{
    char *text = text_copy(check->send ? check->send : "");
    bool bad_escape = unescape_text(text, text) < 0;
    struct address scratch;

    free(text);
    if (!check->target.host || !*check->target.host)
        return unusable("-H is missing");
    if (!common_options_is_port(check->target.port))
        return unusable("-p is neither 1 to 65535 nor a service name");
    if (check->send && !*check->send && !check->expect)
        return unusable("-s is empty, and there is no -e");
    if (bad_escape)
        return unusable("-s has an unknown escape; use \\n, \\r, \\t, \\xNN or \\\\");
    if (check->timeout == 0)
        return unusable("-t must be greater than 0");
    check->target.type = check->udp ? SOCK_DGRAM : SOCK_STREAM;
    if (*check->target.host == '/')
        check->target.path = check->target.host;
    if (check->target.path && address_unix(&scratch, check->target.path) < 0)
        return unusable("-H is too long for the path of a Unix socket");
    if (check->target.path && check->udp)
        return unusable("-u cannot be combined with a Unix socket");
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
    int status =
        r == 0 ? parse_and_run(argc, argv)
               : print_state(CHECK_UNKNOWN, "cannot set up the standard streams: %s", strerror(-r));
    return streams_close(&streams, status, CHECK_UNKNOWN);
}
