#include "config/options.h"

#include "base/clock.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#define DAYS(n) ((n)*86400 * USEC_PER_SEC)

static const struct choice when_full_choices[] = {
    {"refuse", WHEN_FULL_REFUSE},
    {"queue", WHEN_FULL_QUEUE},
    {NULL, 0},
};
static const struct choice log_level_choices[] = {
    {"err", LOG_ERR},   {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
    {"info", LOG_INFO}, {"debug", LOG_DEBUG},     {NULL, 0},
};

#define UNIX_PROTOCOLS "unix | unix-dgram | unix-seqpacket"

#define SERVER(field) .section = SECTION_SERVER, .offset = offsetof(struct server_settings, field)
#define LISTEN(field) .section = SECTION_LISTEN, .offset = offsetof(struct listen_settings, field)

const struct option_row option_table[] = {
    {SERVER(max_clients), .name = "max_clients", .type = &type_count, .fallback = "1000",
     .rule.min = 1, .rule.max = 100000,
     .help = "Maximum number of clients at once, over all listeners."},
    {SERVER(max_per_source), .name = "max_per_source", .type = &type_count, .fallback = "100",
     .rule.max = 100000,
     .help = "Maximum number of clients at once per source (source_prefix); 0 sets no limit."},
    {SERVER(source_prefix), .name = "source_prefix", .type = &type_prefix, .fallback = "32, 64",
     .help = "Leading bits of an IPv4 and of an IPv6 address that identify a source."},
    {SERVER(source_rate), .name = "source_rate", .type = &type_rate, .fallback = "100/s",
     .help = "Maximum rate of connections per source, such as 20/s or 600/min; 0 sets no limit."},
    {SERVER(crash_penalty), .name = "crash_penalty", .type = &type_duration, .fallback = "1min",
     .rule.min = 0, .rule.max = DAYS(1),
     .help = "How long to refuse a source after one of its workers crashed; 0 does not refuse it."},
    {SERVER(when_full), .name = "when_full", .type = &type_choice, .fallback = "refuse",
     .rule.choices = when_full_choices,
     .help = "At max_clients: refuse clients with an error, or queue them in the backlog."},
    {SERVER(monitor), .name = "monitor", .type = &type_cidrs, .fallback = "",
     .help = "Addresses of health checks, which are exempt from the limits per source."},
    {SERVER(reserved), .name = "reserved", .type = &type_count, .fallback = "0", .rule.max = 99999,
     .help = "How many of max_clients are reserved for the addresses in monitor."},
    {SERVER(idle_timeout), .name = "idle_timeout", .type = &type_duration, .fallback = "5min",
     .rule.max = DAYS(365), .help = "Disconnect a client that is idle for this long; 0 is never."},
    {SERVER(session_timeout), .name = "session_timeout", .type = &type_duration, .fallback = "0",
     .rule.max = DAYS(365),
     .help = "Disconnect a client after this long, busy or not; 0 is never."},
    {SERVER(keepalive), .name = "keepalive", .type = &type_duration, .fallback = "2min",
     .rule.max = DAYS(1) / 2,
     .help = "How soon to detect that a TCP client has disappeared; 0 is never."},
    {SERVER(drain_timeout), .name = "drain_timeout", .type = &type_duration, .fallback = "30s",
     .rule.max = DAYS(1), .help = "How long a stop waits for clients that are not idle."},
    {SERVER(log_sessions), .name = "log_sessions", .type = &type_bool, .fallback = "yes",
     .help = "Whether to log sessions that end normally; the others are always logged."},
    {SERVER(log_level), .name = "log_level", .type = &type_choice, .fallback = "info",
     .rule.choices = log_level_choices, .help = "The least important level that is logged."},
    {SERVER(metrics_file), .name = "metrics_file", .type = &type_text, .fallback = "",
     .help = "File to write metrics to, for node_exporter's textfile collector; empty is none."},
    {SERVER(core_dumps), .name = "core_dumps", .type = &type_bool, .fallback = "no",
     .help = "Whether processes may dump core, and be traced by their user."},

    {LISTEN(addresses), .name = "address", .type = &type_words, .fallback = "127.0.0.1, ::1",
     .help = "IPv4 and IPv6 addresses, host names, * for all; for a Unix socket, a path."},
    {LISTEN(port), .name = "port", .type = &type_port, .fallback = "7777", .rule.max = 65535,
     .with = "protocol", .unless = UNIX_PROTOCOLS,
     .help = "A number or a name from /etc/services; 0 lets the kernel choose."},
    {LISTEN(protocol), .name = "protocol", .type = &type_choice, .fallback = "tcp",
     .rule.choices = protocol_choices, .help = "The kind of socket."},
    {LISTEN(mode), .name = "mode", .type = &type_mode, .fallback = "0666", .rule.max = 0777,
     .with = "protocol", .if_value = UNIX_PROTOCOLS,
     .help = "Permission bits of a Unix socket's file: who may connect."},
    {LISTEN(reuse_port), .name = "reuse_port", .type = &type_bool, .fallback = "no",
     .with = "protocol", .unless = UNIX_PROTOCOLS,
     .help = "Whether other instances with this option may listen on the same port."},
    {LISTEN(service), .name = "service", .type = &type_choice, .fallback = "echo",
     .rule.choices = service_choices, .help = "The service for clients."},
    {LISTEN(greeting), .name = "greeting", .type = &type_text, .fallback = "",
     .help = "Sent to each client when it connects, exactly as written."},
    {LISTEN(reply), .name = "reply", .type = &type_text, .fallback = "OK", .with = "service",
     .if_value = "message",
     .help = "Sent with a newline once a message is stored; empty sends nothing."},
    {LISTEN(max_message), .name = "max_message", .type = &type_size, .fallback = "1024",
     .rule.min = 1, .rule.max = 65536, .with = "service", .if_value = "message",
     .help = "Maximum length of a message in bytes, without its newline."},
    {LISTEN(max_messages), .name = "max_messages", .type = &type_count, .fallback = "0",
     .rule.max = UINT32_MAX, .with = "service", .if_value = "message",
     .help = "Close the connection after this many messages; 0 sets no limit."},
    {LISTEN(message_pause), .name = "message_pause", .type = &type_duration, .fallback = "0",
     .rule.max = DAYS(1), .with = "service", .if_value = "message",
     .help = "A pause of this length ends a message without a newline; 0 is never."},
    {LISTEN(datagram_rate), .name = "datagram_rate", .type = &type_rate, .fallback = "1000/s",
     .with = "protocol", .if_value = "udp",
     .help = "With udp: maximum rate of answers per source; 0 sets no limit."},
    {LISTEN(allow), .name = "allow", .type = &type_cidrs, .fallback = "",
     .help = "Addresses that may connect; empty allows all."},
    {LISTEN(deny), .name = "deny", .type = &type_cidrs, .fallback = "",
     .help = "Addresses that may not connect, even if they are in allow."},
    {LISTEN(proxy_protocol), .name = "proxy_protocol", .type = &type_choice, .fallback = "no",
     .rule.choices = proxy_choices,
     .help = "Whether connections begin with a PROXY protocol header, and its version."},
    {LISTEN(proxy_trust), .name = "proxy_trust", .type = &type_cidrs, .fallback = "",
     .with = "proxy_protocol", .unless = "no",
     .help = "Addresses of the proxies that may send the PROXY protocol header."},
};
const size_t option_count = ARRAY_SIZE(option_table);

const struct option_row *option_find(enum section_kind kind, const char *name)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].section == kind && strcmp(option_table[i].name, name) == 0)
            return &option_table[i];
    return NULL;
}

const struct option_row *option_find_anywhere(const char *name)
{
    const struct option_row *row = option_find(SECTION_SERVER, name);

    return row ? row : option_find(SECTION_LISTEN, name);
}

#define NAME_MAX_LENGTH 49 /* inih truncates names to that */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
    return a == tolower((unsigned char)b);
}

/* The edit distance from A to B: insertions, deletions, substitutions and swaps of neighbours.
 * Ignores the case of B. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][NAME_MAX_LENGTH + 1], n = least(strlen(b), NAME_MAX_LENGTH), i;

    for (size_t j = 0; j <= n; j++)
        rows[0][j] = j;
    for (i = 1; a[i - 1]; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            row[j] = least(above[j - 1] + !same_letter(a[i - 1], b[j - 1]),
                           least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                same_letter(a[i - 2], b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[(i - 1) % 3][n];
}

/* Returns the row whose name begins with NAME if there is exactly one, else NULL. */
static const struct option_row *find_beginning(enum section_kind kind, const char *name)
{
    const struct option_row *found = NULL;

    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].section != kind ||
            strncasecmp(option_table[i].name, name, strlen(name)) != 0)
            continue;
        if (found)
            return NULL;
        found = &option_table[i];
    }
    return found;
}

const struct option_row *option_nearest(enum section_kind kind, const char *name)
{
    size_t len = strlen(name), best = len < 5 ? 2 : 3; /* as many changes make another word */
    const struct option_row *nearest = len < 5 ? NULL : find_beginning(kind, name);

    if (nearest)
        return nearest;
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].section != kind)
            continue;
        size_t d = distance(option_table[i].name, name);
        if (d < best) {
            best = d;
            nearest = &option_table[i];
        }
    }
    return nearest || len < 3 ? nearest : find_beginning(kind, name);
}

void *option_field(const struct option_row *row, const struct section *section)
{
    return (char *)section->values + row->offset;
}

struct origin *option_origin(const struct option_row *row, const struct section *section)
{
    return &section->origins[row - option_table];
}

size_t option_items(const struct option_row *row, const struct section *section)
{
    return row->type->list->count(option_field(row, section));
}

struct origin option_item_origin(const struct option_row *row, const struct section *section,
                                 size_t index)
{
    struct origin where = *option_origin(row, section);
    unsigned line = row->type->list && index < option_items(row, section)
                        ? row->type->list->line(option_field(row, section), index)
                        : 0;

    where.line = line ? line : where.line;
    return where;
}

size_t option_format_items(const struct option_row *row, const struct section *section, size_t from,
                           size_t room, char *buf, size_t size)
{
    unsigned line = option_item_origin(row, section, from).line;
    size_t to, used = 0, tight = 0, count = option_items(row, section);
    char item[VALUE_TEXT_MAX];

    buf[0] = '\0';
    for (to = from; to < count && option_item_origin(row, section, to).line == line; to++) {
        row->type->list->format(option_field(row, section), to, item, sizeof(item));
        tight += strlen(item) + 1;
        if (to > from && (tight > room || used + strlen(item) + 3 > size))
            break;
        used += (size_t)snprintf(buf + used, size - used, "%s%s", to > from ? ", " : "", item);
    }
    return to;
}

int option_parse(const struct option_row *row, const char *text, void *field, char *reason)
{
    return row->type->parse(&row->rule, text, field, reason);
}

void option_format(const struct option_row *row, const void *field, char *buf, size_t size)
{
    row->type->format(&row->rule, field, buf, size);
}

/* Whether VALUE is one of the words of LIST, which are separated by " | ". */
static bool is_one_of(const char *value, const char *list)
{
    for (size_t len; *list; list += len + strspn(list + len, " |")) {
        len = strcspn(list, " |");
        if (strlen(value) == len && strncmp(value, list, len) == 0)
            return true;
    }
    return false;
}

bool option_is_idle(const struct option_row *row, const struct section *section)
{
    char value[VALUE_TEXT_MAX];

    const struct option_row *other = row->with ? option_find(row->section, row->with) : NULL;
    if (!other)
        return false;
    option_format(other, option_field(other, section), value, sizeof(value));
    return row->if_value ? !is_one_of(value, row->if_value) : is_one_of(value, row->unless);
}

const char *option_section_name(const struct option_row *row)
{
    return row->section == SECTION_SERVER ? "server" : "listen NAME";
}

void option_list(FILE *out)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        char range[VALUE_TEXT_MAX];
        value_range(row->type, &row->rule, range, sizeof(range));
        fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", option_section_name(row), row->name,
                row->type->name, row->fallback, range, row->help);
    }
}
