#include "client/command/common_options.h"

#include "base/clock.h"
#include "base/macros.h"
#include "base/text.h"
#include "client/io/diag.h"
#include "client/io/wait.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* ---- types of arguments ---- */

static int parse_source(const char *text, void *member)
{
    return address_numeric(member, text, 0);
}

/* Code points by name: RFC 2474, 2597, 3246, 8622. */
static const struct {
    const char *name;
    int value;
} code_points[] = {
    {"cs0", 0},   {"cs1", 8},   {"cs2", 16},  {"cs3", 24},  {"cs4", 32},  {"cs5", 40},
    {"cs6", 48},  {"cs7", 56},  {"af11", 10}, {"af12", 12}, {"af13", 14}, {"af21", 18},
    {"af22", 20}, {"af23", 22}, {"af31", 26}, {"af32", 28}, {"af33", 30}, {"af41", 34},
    {"af42", 36}, {"af43", 38}, {"ef", 46},   {"le", 1},
};

static int parse_dscp(const char *text, void *member)
{
    uint64_t number;

    for (size_t i = 0; i < ARRAY_SIZE(code_points); i++)
        if (strcasecmp(code_points[i].name, text) == 0) {
            *(int *)member = code_points[i].value;
            return 0;
        }
    if (number_parse(text, &number) < 0 || number > 63)
        return -EINVAL;
    *(int *)member = (int)number;
    return 0;
}

const char *dscp_name(int dscp, char *buf)
{
    snprintf(buf, DSCP_TEXT_MAX, "%d", dscp);
    for (size_t i = 0; i < ARRAY_SIZE(code_points) && dscp > 0; i++)
        if (code_points[i].value == dscp)
            snprintf(buf, DSCP_TEXT_MAX, "%s", code_points[i].name);
    return buf;
}

static int parse_proxy(const char *text, void *member)
{
    return proxy_header_parse(text, member);
}

static const struct option_type type_source = {parse_source, "a numeric address"};
static const struct option_type type_dscp = {parse_dscp, "a code point (0 to 63, ef, af41, cs1)"};
static const struct option_type type_proxy = {parse_proxy, "v1 or v2, optionally with =ADDR:PORT"};

/* ---- the table ---- */

#define AT(member) offsetof(struct common_options, member)

const struct option_row common_option_rows[] = {
    {"ipv4", '4', NULL, AT(target.family), AF_INET, NULL, "use IPv4 only"},
    {"ipv6", '6', NULL, AT(target.family), AF_INET6, NULL, "use IPv6 only"},
    {"unix", 'U', &argument_text, AT(target.path), 0, "PATH",
     "connect to the Unix socket PATH (@NAME: abstract)"},
    {"udp", 'u', NULL, AT(udp), 1, NULL, "send datagrams, without a connection"},
    {"source", 0, &type_source, AT(source), 0, "ADDR", "send from the local address ADDR"},
    {"dscp", 0, &type_dscp, AT(dscp), 0, "CODE",
     "mark packets with a DSCP: 0 to 63, ef, af41, cs1"},
    {"proxy", 0, &type_proxy, AT(proxy), 0, "V",
     "begin with a PROXY header, v1 or v2; v2=ADDR:PORT\nsets the source in the header"},
    {"timeout", 't', &argument_span, AT(timeout), 0, "SPAN",
     "give up after SPAN without a connection or an expected\n"
     "reply (500ms, 10s, 1min 30s; 0 = never) [10s]"},
    {"json", 0, NULL, AT(json), 1, NULL, "print JSON, one object per line"},
    {"quiet", 'q', NULL, AT(verbosity), VERBOSITY_QUIET, NULL,
     "print only the summary (send: no hints) and errors"},
    {"verbose", 'v', NULL, AT(verbosity), VERBOSITY_VERBOSE, NULL,
     "print addresses tried and amounts transferred"},
    {"help", 'h', NULL, AT(show), SHOW_HELP, NULL, "show this help and exit"},
    {"version", 'V', NULL, AT(show), SHOW_VERSION, NULL, "show the version and exit"},
};
const size_t common_option_row_count = ARRAY_SIZE(common_option_rows);

struct common_options common_options_default(const char *port)
{
    return (struct common_options){
        .target = {.port = port, .family = AF_UNSPEC, .type = SOCK_STREAM},
        .dscp = -1,
        .timeout = 10 * USEC_PER_SEC,
        .begin = clock_now(),
        .deadline = NEVER,
        .verbosity = VERBOSITY_NORMAL,
    };
}

struct common_options common_options_with_deadline(const struct common_options *c, uint64_t span)
{
    struct common_options bounded = *c;

    bounded.deadline = span ? c->begin + span : NEVER;
    return bounded;
}

uint64_t common_options_deadline(const struct common_options *c, uint64_t begin)
{
    return c->timeout ? clock_earlier(begin + c->timeout, c->deadline) : c->deadline;
}

uint64_t common_options_reply_timeout(const struct common_options *c)
{
    uint64_t now = clock_now(), limit = common_options_deadline(c, now);

    if (limit == NEVER)
        return 0;
    return limit > now ? limit - now : 1;
}

struct connect_plan common_options_connect_plan(const struct common_options *c, int wake)
{
    return (struct connect_plan){
        .type = c->target.type,
        .lasting = c->lasting || c->proxy.version,
        .deadline = common_options_deadline(c, clock_now()),
        .source = c->source.len > 0 ? &c->source : NULL,
        .dscp = c->dscp,
        .wake = wake,
    };
}

/* ---- checks ---- */

int usage_error(const char *what, const char *text)
{
    diag_say("%s%s%s", what, text ? ": " : "", text ? text : "");
    diag_hint_at_help();
    return -EINVAL;
}

bool common_options_is_port(const char *port)
{
    uint64_t number;
    int r = number_parse(port, &number);

    if (r == 0)
        return number >= 1 && number <= UINT16_MAX;
    return r != -ERANGE && isalnum((unsigned char)*port);
}

static int check_unix(const struct common_options *c)
{
    struct address scratch;

    if (c->target.family != AF_UNSPEC)
        return usage_error("-4 and -6 cannot be combined with --unix", NULL);
    if (c->udp || c->source.len > 0 || c->dscp >= 0)
        return usage_error("--udp, --source and --dscp cannot be combined with --unix", NULL);
    int r = address_unix(&scratch, c->target.path);
    if (r == -ENAMETOOLONG)
        return usage_error("too long for the path of a Unix socket", c->target.path);
    return r < 0 ? usage_error("the path of a Unix socket must begin with / or @", c->target.path)
                 : 0;
}

/* The family of --source determines that of the target. */
static int check_source(struct common_options *c)
{
    if (c->source.len == 0)
        return 0;
    if (c->target.family != AF_UNSPEC && c->target.family != c->source.sa.sa_family)
        return usage_error("-4 or -6 cannot be combined with a --source of the other family", NULL);
    c->target.family = c->source.sa.sa_family;
    return 0;
}

int common_options_check(struct common_options *c)
{
    if (c->udp && c->proxy.version)
        return usage_error("--proxy needs a connection: it cannot be combined with --udp", NULL);
    c->target.type = c->udp ? SOCK_DGRAM : SOCK_STREAM;
    if (c->target.path)
        return check_unix(c);
    if (!c->target.host || !*c->target.host)
        return usage_error("HOST is missing", NULL);
    if (!common_options_is_port(c->target.port))
        return usage_error("PORT is neither 1 to 65535 nor a service name", c->target.port);
    return check_source(c);
}
