#include "config/validate.h"

#include "config/options.h"
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static bool is_set(const struct option_row *row, const struct section *section)
{
    return option_origin(row, section)->file != NULL;
}

/* Reports a problem with item INDEX of the list KEY, or with the option if INDEX is SIZE_MAX. */
static void problem_at_item(struct problems *problems, enum severity severity,
                            const struct section *section, const char *key, size_t index,
                            const char *reason)
{
    struct origin where = option_item_origin(option_find(section->kind, key), section, index);

    problem_add(problems, severity, where.file ? where : section->declared, section->name, key,
                "%s", reason);
}

static void problem_at(struct problems *problems, enum severity severity,
                       const struct section *section, const char *key, const char *reason)
{
    problem_at_item(problems, severity, section, key, SIZE_MAX, reason);
}

static bool has_default(const struct option_row *row, const struct section *section)
{
    char value[VALUE_TEXT_MAX];

    option_format(row, option_field(row, section), value, sizeof(value));
    return strcmp(value, row->fallback) == 0;
}

/* Warns about an option that is set but has no effect. */
static void check_effect(const struct option_row *row, const struct section *section,
                         struct problems *problems)
{
    char reason[REASON_MAX], value[VALUE_TEXT_MAX];

    if (!option_is_idle(row, section) || has_default(row, section))
        return;
    const struct option_row *other = option_find(row->section, row->with);
    option_format(other, option_field(other, section), value, sizeof(value));
    snprintf(reason, sizeof(reason), "has no effect %s %s = %.200s",
             row->if_value ? "without" : "with", row->with, row->if_value ? row->if_value : value);
    problem_at(problems, WARNING, section, row->name, reason);
}

static void check_set_options(const struct section *section, struct problems *problems)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (row->section == section->kind && is_set(row, section))
            check_effect(row, section, problems);
    }
}

/* ---- listeners ---- */

static void check_unix(const struct section *section, struct problems *problems)
{
    const struct listen_settings *listen = section->values;
    char reason[REASON_MAX];
    struct address address;

    snprintf(reason, sizeof(reason), "with protocol = %s, give a path that begins with /, or @NAME",
             protocol_name(listen->protocol));
    for (size_t i = 0; i < listen->addresses.count; i++) {
        int r = address_unix(&address, listen->addresses.item[i]);
        if (r == -ENAMETOOLONG)
            problem_at_item(problems, FATAL, section, "address", i,
                            "the path is too long for a Unix socket (107 bytes at most)");
        else if (r < 0)
            problem_at_item(problems, FATAL, section, "address", i, reason);
    }
}

/* RFC 1123: letters, digits, hyphens and dots. Excludes what inet_aton(3), and so a lookup, takes
 * for an address (0x7f000001). */
static bool is_host_name(const char *text)
{
    struct in_addr number;
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_";

    return strspn(text, allowed) == strlen(text) && strlen(text) < 254 &&
           strspn(text, "0123456789.") != strlen(text) && !inet_aton(text, &number) &&
           text[0] != '-' && text[0] != '.';
}

/* Whether A is a multicast address or the limited broadcast address. */
static bool is_group(const struct address *a)
{
    if (a->sa.sa_family == AF_INET6)
        return IN6_IS_ADDR_MULTICAST(&a->in6.sin6_addr);
    return IN_MULTICAST(ntohl(a->in.sin_addr.s_addr)) ||
           a->in.sin_addr.s_addr == htonl(INADDR_BROADCAST);
}

/* Returns whether no socket can ever listen on A, written ITEM in the file, and why in REASON. */
static bool is_unusable(const struct address *a, const char *item, unsigned protocol, char *reason)
{
    const struct in6_addr *six = a->sa.sa_family == AF_INET6 ? &a->in6.sin6_addr : NULL;
    bool needs_zone = six && (IN6_IS_ADDR_LINKLOCAL(six) || IN6_IS_ADDR_MC_LINKLOCAL(six));
    char host[INET_ADDRSTRLEN];

    if (six && IN6_IS_ADDR_V4MAPPED(six))
        snprintf(reason, REASON_MAX, "%s is an IPv4 address: write %s", item,
                 inet_ntop(AF_INET, &six->s6_addr[12], host, sizeof(host)));
    else if (is_group(a) && protocol == PROTOCOL_TCP)
        snprintf(reason, REASON_MAX,
                 "%s is a multicast or broadcast address: nobody can connect to it", item);
    else if (needs_zone && a->in6.sin6_scope_id == 0)
        snprintf(reason, REASON_MAX, "%s is link-local: add the interface, as in fe80::1%%eth0",
                 item);
    else
        return false;
    return true;
}

/* Returns the port in ITEM, such as "127.0.0.1:80" or "[::1]:80", or NULL if it has none. */
static const char *port_of(const char *item)
{
    const char *colon = strrchr(item, ':');
    bool one = colon && (strchr(item, ':') == colon || colon[-1] == ']');

    return one && colon[1] && !colon[1 + strspn(colon + 1, "0123456789")] ? colon + 1 : NULL;
}

/* Whether ITEM can be an address to listen on; if not, REASON says why. Does not check whether this
 * machine has the address or its interface; the daemon does, when it starts. */
static bool is_address(const char *item, unsigned protocol, char *reason)
{
    struct address address;
    int r = address_numeric(&address, item, 0);

    if (r == 0)
        return !is_unusable(&address, item, protocol, reason);
    if (strcmp(item, "*") == 0 || r == -ENODEV || is_host_name(item))
        return true;
    const char *port = port_of(item);
    if (item[0] == '/')
        snprintf(reason, REASON_MAX, "%s is a path: did you mean protocol = unix?", item);
    else if (port)
        snprintf(reason, REASON_MAX, "\"%s\" includes a port: write port = %s in a line of its own",
                 item, port);
    else
        snprintf(reason, REASON_MAX, "\"%s\" is neither an address nor a host name nor *%s", item,
                 value_hint(item));
    return false;
}

static void check_internet(const struct section *section, struct problems *problems)
{
    const struct listen_settings *listen = section->values;
    char reason[REASON_MAX];

    for (size_t i = 0; i < listen->addresses.count; i++)
        if (!is_address(listen->addresses.item[i], listen->protocol, reason))
            problem_at_item(problems, FATAL, section, "address", i, reason);
}

/* Warns about an option that applies to connections only, on a listener for datagrams. */
static void warn_of(const char *name, const char *why, const struct section *section,
                    struct problems *problems)
{
    const struct listen_settings *listen = section->values;
    const struct option_row *row = option_find(section->kind, name);
    char reason[REASON_MAX];

    if (!is_set(row, section) || has_default(row, section) || option_is_idle(row, section))
        return;
    snprintf(reason, sizeof(reason), "has no effect with protocol = %s: %s",
             protocol_name(listen->protocol), why);
    problem_at(problems, WARNING, section, name, reason);
}

/* Whether any local user can connect to a Unix socket of LISTEN and claim any source in a PROXY
 * header. An abstract socket has no mode. */
static bool lets_others_in(const struct listen_settings *listen)
{
    if (listen->mode & 02)
        return true;
    for (size_t i = 0; i < listen->addresses.count; i++)
        if (listen->addresses.item[i][0] == '@')
            return true;
    return false;
}

static void check_proxy(const struct section *section, struct problems *problems)
{
    const struct listen_settings *listen = section->values;
    bool trusts = listen->proxy_trust.count > 0;

    if (protocol_type(listen->protocol) != SOCK_STREAM)
        problem_at(problems, FATAL, section, "proxy_protocol",
                   "the header requires a stream: use protocol = tcp or unix");
    else if (listen->protocol == PROTOCOL_TCP && !trusts)
        problem_at(
            problems, FATAL, section, "proxy_protocol",
            "set proxy_trust to the addresses of the proxies, or anybody could forge the header");
    if (listen->protocol == PROTOCOL_UNIX && trusts)
        problem_at(
            problems, WARNING, section, "proxy_trust",
            "has no effect with protocol = unix: the socket's mode controls who may connect");
    if (listen->protocol == PROTOCOL_UNIX && lets_others_in(listen))
        problem_at(problems, WARNING, section, "proxy_protocol",
                   "every local user may connect to the socket, forge the header, and use up the "
                   "places of any source: set mode = 0660 (an abstract socket has no mode)");
}

static void forbid_service(const struct section *section, struct problems *problems)
{
    const struct listen_settings *listen = section->values;
    bool forged = listen->protocol == PROTOCOL_UDP;
    char reason[REASON_MAX];

    snprintf(reason, sizeof(reason),
             forged ? "%s over udp would amplify forged traffic: use protocol = tcp"
                    : "%s needs a connection: use protocol = unix",
             service_name(listen->service));
    problem_at(problems, FATAL, section, "service", reason);
}

static void check_datagrams(const struct section *section, struct problems *problems)
{
    const struct listen_settings *listen = section->values;

    if (listen->service == SERVICE_CHARGEN || listen->service == SERVICE_WHOAMI)
        forbid_service(section, problems);
    warn_of("greeting", "nobody connects", section, problems);
    warn_of("max_messages", "there is no connection to close", section, problems);
    warn_of("message_pause", "a datagram is a message", section, problems);
}

static void check_listen(struct section *section, struct problems *problems)
{
    const struct listen_settings *listen = section->values;

    if (listen->addresses.count == 0)
        problem_at(problems, FATAL, section, "address", "give at least one address, or *");
    if (protocol_is_unix(listen->protocol))
        check_unix(section, problems);
    else
        check_internet(section, problems);
    if (protocol_type(listen->protocol) == SOCK_DGRAM)
        check_datagrams(section, problems);
    if (listen->protocol == PROTOCOL_UNIX_SEQPACKET)
        warn_of("message_pause", "a packet is a message", section, problems);
    if (listen->proxy_protocol != PROXY_NO)
        check_proxy(section, problems);
}

/* With a message_pause that is longer than a timeout, the client would be disconnected first. */
static void check_pause(const struct settings *settings, const struct section *section,
                        struct problems *problems)
{
    const struct listen_settings *listen = section->values;
    uint64_t idle = settings->server->idle_timeout;

    if (listen->message_pause > 0 && idle > 0 && listen->message_pause >= idle)
        problem_at(problems, WARNING, section, "message_pause",
                   "has no effect unless idle_timeout is longer");
}

static void check_server(const struct section *section, struct problems *problems)
{
    const struct server_settings *server = section->values;

    if (server->metrics_file.len > 0 && server->metrics_file.data[0] != '/')
        problem_at(problems, FATAL, section, "metrics_file", "give a path that begins with /");
    if (server->reserved >= server->max_clients)
        problem_at(problems, FATAL, section, "reserved",
                   "must be less than max_clients, or other clients are never served");
    if (server->reserved > 0 && server->monitor.count == 0)
        problem_at(problems, FATAL, section, "reserved",
                   "set monitor to the addresses that may use these places");
}

void settings_validate(struct settings *settings, struct problems *problems)
{
    const char *file = settings->file_count ? settings->files[0] : NULL;

    for (size_t i = 0; i < settings->section_count; i++) {
        struct section *section = &settings->sections[i];
        check_set_options(section, problems);
        if (section->kind == SECTION_SERVER) {
            check_server(section, problems);
            continue;
        }
        check_listen(section, problems);
        check_pause(settings, section, problems);
    }
    if (settings->listen_count == 0 && problems->fatal == 0)
        problem_add(problems, FATAL, (struct origin){.file = file}, NULL, NULL,
                    "there is no [listen NAME] section, so there is nothing to listen on");
}
