#include "daemon/admission/check_access.h"

#include "base/clock.h"
#include "base/escape.h"
#include "config/options.h"
#include "config/sections.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#define RULE_MAX 160

struct access_query {
    char address[128];
    char listener[LISTENER_NAME_SIZE];
    struct address peer;
    const struct listen_settings *listen;
};

/* ---- the request ---- */

/* Parses "unix" (an unknown user) or "unix:UID". */
static bool parse_user(struct access_query *in)
{
    uint64_t uid;

    in->peer = (struct address){.len = sizeof(sa_family_t), .sa = {.sa_family = AF_UNIX}};
    if (strcmp(in->address, "unix") == 0)
        return true;
    if (number_parse(in->address + strlen("unix:"), &uid) < 0 || uid >= UINT32_MAX)
        return false;
    in->peer.user = (uint32_t)uid + 1;
    return true;
}

/* Stores the peer and its text. A v4-mapped address becomes IPv4, as it does for a client. */
static bool parse_peer(struct access_query *in)
{
    size_t count;

    if (strcmp(in->address, "unix") == 0 || strncmp(in->address, "unix:", strlen("unix:")) == 0)
        return parse_user(in);
    if (address_numeric(&in->peer, in->address, 0) < 0)
        return false;
    address_normalise(&in->peer);
    return inet_ntop(in->peer.sa.sa_family, address_bytes(&in->peer, &count), in->address,
                     sizeof(in->address));
}

/* Parses OPERANDS. Returns whether they are valid; if not, writes the error to TO. */
static bool parse_operands(struct access_query *in, const struct admission *admission,
                           const char *operands, FILE *to)
{
    char rest;

    if (sscanf(operands, "%127s %32s %c", in->address, in->listener, &rest) != 2)
        fputs("error expected an address and the name of a listener\n", to);
    else if (!parse_peer(in))
        fprintf(to, "error %s is not an IP address\n", in->address);
    else if (!(in->listen = settings_listen(admission->settings, in->listener)))
        fprintf(to, "error there is no listener %s; echoctl listeners lists them\n", in->listener);
    else if (address_is_ip(&in->peer) && protocol_is_unix(in->listen->protocol) &&
             in->listen->proxy_protocol == PROXY_NO) /* a proxy can report any address */
        fprintf(to, "error listener %s is a Unix socket: use the address unix\n", in->listener);
    else if (!address_is_ip(&in->peer) && !protocol_is_unix(in->listen->protocol))
        fprintf(to, "error listener %s is not a Unix socket: use an IP address\n", in->listener);
    else if (admission->closed)
        fputs("error echod is stopping and serves no new clients\n", to);
    else
        return true;
    return false;
}

/* ---- the reply ---- */

static const char *verdict(const struct admission *admission, const struct access *access)
{
    if (access_is_granted(access))
        return "allowed";
    if (access->rule == ACCESS_DENY || access->rule == ACCESS_NOT_IN_ALLOW)
        return "denied";
    return access->rule == ACCESS_FULL && admission->settings->server->when_full == WHEN_FULL_QUEUE
               ? "waits"
               : "refused";
}

/* Returns the option that the rule belongs to, or NULL. */
static const char *option_of(enum access_rule rule)
{
    static const char *const options[] = {
        [ACCESS_ALLOW] = "allow",
        [ACCESS_MONITOR] = "monitor",
        [ACCESS_DENY] = "deny",
        [ACCESS_NOT_IN_ALLOW] = "allow",
        [ACCESS_FULL] = "max_clients",
        [ACCESS_RESERVED] = "reserved",
        [ACCESS_SOURCE] = "max_per_source",
        [ACCESS_RATE] = "source_rate",
        [ACCESS_PENALTY] = "crash_penalty",
    };

    return rule < ARRAY_SIZE(options) ? options[rule] : NULL;
}

/* Describes the rule, with the numbers that it has compared. */
static void describe(const struct admission *admission, const struct access_query *in,
                     const struct access *access, char *buf)
{
    const struct server_settings *limits = admission->settings->server;
    unsigned long long live = admission->sessions->roster.live, most = limits->max_clients;
    char range[CIDR_TEXT_MAX];

    switch (access->rule) {
    case ACCESS_OPEN:
        snprintf(buf, RULE_MAX, "no rule is against it");
        break;
    case ACCESS_ALLOW:
    case ACCESS_MONITOR:
    case ACCESS_DENY:
        snprintf(buf, RULE_MAX, "%s %s", option_of(access->rule),
                 cidr_format(access->range, range, sizeof(range)));
        break;
    case ACCESS_NOT_IN_ALLOW:
        snprintf(buf, RULE_MAX, "allow does not name it");
        break;
    case ACCESS_FULL:
    case ACCESS_RESERVED:
        snprintf(buf, RULE_MAX, "%s (%llu of %llu)", access_reason(access), live, most);
        break;
    case ACCESS_SOURCE:
        snprintf(buf, RULE_MAX, "%s (%zu of %llu)", access_reason(access),
                 roster_count(&admission->sessions->roster, &in->peer),
                 (unsigned long long)limits->max_per_source);
        break;
    case ACCESS_PENALTY:
    case ACCESS_RATE:
        snprintf(buf, RULE_MAX, "%s, the next one in %llu s", access_reason(access),
                 access_seconds(access));
        break;
    case ACCESS_UNTRUSTED: /* not reached: the request is about a client, not its proxy */
    case ACCESS_NO_PROCESS:
        buf[0] = '\0';
        break;
    }
}

/* Formats the file and line of the deciding option. */
static void locate(const struct admission *admission, const struct access_query *in,
                   const struct access *access, char *buf, size_t size)
{
    const char *option = option_of(access->rule);
    char file[ESCAPED_SIZE(PATH_MAX)];

    buf[0] = '\0';
    if (!option)
        return;
    const void *values = option_find(SECTION_SERVER, option)
                             ? (const void *)admission->settings->server
                             : (const void *)in->listen;
    struct origin origin = settings_origin(admission->settings, values, option);
    if (!origin.file) {
        snprintf(buf, size, "default");
        return;
    }
    if (access->range && access->range->line)
        origin.line = access->range->line; /* of the range: a list may have many lines */
    escape_bytes(file, origin.file, strnlen(origin.file, PATH_MAX), "\\");
    snprintf(buf, size, "%s:%u", file, origin.line);
}

void check_access_answer(const struct admission *admission, const char *operands, FILE *to)
{
    char rule[RULE_MAX], origin[ESCAPED_SIZE(PATH_MAX) + 16];
    struct access_query in;

    if (!parse_operands(&in, admission, operands, to))
        return;
    struct access access =
        protocol_type(in.listen->protocol) == SOCK_DGRAM
            ? access_decide_datagram(&in.peer, in.listen)
            : access_decide(&admission->policy, &in.peer, in.listen, clock_now());
    describe(admission, &in, &access, rule);
    locate(admission, &in, &access, origin, sizeof(origin));
    fputs("ok\n", to);
    fprintf(to, "verdict=%s\taddress=%s\tlistener=%s\trule=%s\torigin=%s\n",
            verdict(admission, &access), in.address, in.listener, rule, origin);
}
