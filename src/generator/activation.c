#include "generator/activation.h"

#include "generator/dropin.h"
#include "generator/notice.h"
#include "net/address.h"

#include <limits.h>
#include <net/if.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define SOCKET_UNIT "echod.socket"

/* ---- addresses ---- */

static const char *listen_key(const struct listen_settings *listen)
{
    switch (protocol_type(listen->protocol)) {
    case SOCK_DGRAM:
        return "ListenDatagram";
    case SOCK_SEQPACKET:
        return "ListenSequentialPacket";
    default:
        return "ListenStream";
    }
}

/* Warns about WHAT, which systemd cannot open. Without the socket unit, echod opens it. */
static void warn_unopened(const struct unit *unit, const struct listen_settings *listen,
                          const char *what)
{
    if (!activation_is_enabled(unit))
        return;
    notice_text(unit, LOG_WARNING,
                "listener %s: " SOCKET_UNIT " cannot open %s, and echod has no network access "
                "with that unit: use an address and a port",
                listen->name, what);
}

static void write_path(const struct unit *unit, FILE *to, const struct listen_settings *listen,
                       const char *path)
{
    static const char old[] = "/var/run/";

    if (strncmp(path, old, strlen(old)) == 0)
        path += strlen("/var"); /* systemd would, with a warning at each daemon-reload */
    /* systemd would take the next line as its continuation. */
    if (path[strlen(path) - 1] == '\\')
        warn_unopened(unit, listen, path);
    else
        dropin_write(to, listen_key(listen), path);
}

/* Writes ADDRESS as in systemd.socket(5), where the interface is at the end: "[x]:y%if". */
static void write_address(FILE *to, const char *key, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX], zone[IF_NAMESIZE];
    struct address bare = *address;
    bool scoped = address->sa.sa_family == AF_INET6 && address->in6.sin6_scope_id != 0;

    if (scoped)
        bare.in6.sin6_scope_id = 0;
    address_format(&bare, text, sizeof(text));
    if (scoped && if_indextoname(address->in6.sin6_scope_id, zone))
        text_append(text, sizeof(text), "%%%s", zone);
    else if (scoped)
        text_append(text, sizeof(text), "%%%u", address->in6.sin6_scope_id);
    dropin_write(to, key, text);
}

/* Leaves host names to the daemon, because at boot there is no network yet. */
static void write_internet(const struct unit *unit, FILE *to, const struct listen_settings *listen,
                           const char *host)
{
    const char *key = listen_key(listen);
    struct address address;

    if (listen->port == 0)
        warn_unopened(unit, listen, "port = 0");
    else if (strcmp(host, "*") == 0)
        fprintf(to, "%s=0.0.0.0:%u\n%s=[::]:%u\n", key, (unsigned)listen->port, key,
                (unsigned)listen->port);
    else if (address_numeric(&address, host, listen->port) == 0)
        write_address(to, key, &address);
    else
        warn_unopened(unit, listen, host);
}

static void write_addresses(const struct unit *unit, FILE *to, const struct settings *settings)
{
    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct listen_settings *listen = settings->listens[i];
        bool is_unix = protocol_is_unix(listen->protocol);
        for (size_t j = 0; j < listen->addresses.count; j++)
            (is_unix ? write_path : write_internet)(unit, to, listen, listen->addresses.item[j]);
    }
}

/* ---- properties of all sockets of a unit ---- */

/* A unit has one SocketMode=: the bits that all Unix sockets have in common. */
static void write_properties(FILE *to, const struct settings *settings)
{
    unsigned mode = 0777;
    bool is_unix = false, shared = false;

    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct listen_settings *listen = settings->listens[i];
        mode &= protocol_is_unix(listen->protocol) ? listen->mode : 0777;
        is_unix = is_unix || protocol_is_unix(listen->protocol);
        shared = shared || listen->reuse_port;
    }
    if (is_unix)
        fprintf(to, "SocketUser=echod\nSocketGroup=echod\nSocketMode=%04o\n", mode);
    if (shared)
        fputs("ReusePort=yes\n", to);
}

static void write_socket(const struct unit *unit, const struct settings *settings)
{
    struct dropin dropin;

    if (!dropin_open(&dropin, unit, SOCKET_UNIT, "50-echod-conf.conf"))
        return;
    /* With SourcePath=, systemctl warns that the file has been edited. */
    fprintf(dropin.to, "[Unit]\nSourcePath=" CONFIG_DIRECTORY "/%s.conf\n[Socket]\nListenStream=\n",
            unit->name);
    write_addresses(unit, dropin.to, settings);
    write_properties(dropin.to, settings);
    dropin_close(&dropin, unit);
}

/* ---- the service of the socket unit ---- */

/* Whether the unit directory of SYSTEM ("/etc" or "/run") has a link NAME, and its target in
 * TARGET. The target need not exist (with --root, for example). */
static bool has_link(const struct unit *unit, const char *system, const char *name, char *target,
                     size_t size)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s%s/systemd/system/%s", unit->root, system, name);
    ssize_t len = readlink(path, target, size - 1);
    target[len > 0 ? len : 0] = '\0';
    return len > 0;
}

bool activation_is_enabled(const struct unit *unit)
{
    static const char *const systems[] = {"/etc", "/run"}; /* of systemd, not SYSCONFDIR */
    char target[PATH_MAX];
    bool wanted = false, masked = false;

    for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
        wanted = wanted || has_link(unit, systems[i], "sockets.target.wants/" SOCKET_UNIT, target,
                                    sizeof(target));
        masked = masked || (has_link(unit, systems[i], SOCKET_UNIT, target, sizeof(target)) &&
                            strcmp(target, "/dev/null") == 0);
    }
    return wanted && !masked;
}

/*
 * All sockets are passed to the service, and accept(2) works without network access. The FD store
 * must not keep earlier listeners, because their addresses belong to the socket unit now.
 */
static void write_sandbox(const struct unit *unit)
{
    struct dropin dropin;

    if (!dropin_open(&dropin, unit, unit->service, "60-echod-socket.conf"))
        return;
    fputs("[Unit]\nRequires=" SOCKET_UNIT "\nAfter=" SOCKET_UNIT "\n[Service]\n"
          "FileDescriptorStoreMax=0\nRuntimeDirectoryPreserve=yes\nPrivateNetwork=yes\n"
          "IPAddressDeny=any\nRestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX\n",
          dropin.to);
    dropin_close(&dropin, unit);
}

void activation_write(const struct unit *unit, const struct settings *settings)
{
    write_socket(unit, settings);
    if (activation_is_enabled(unit))
        write_sandbox(unit);
}
